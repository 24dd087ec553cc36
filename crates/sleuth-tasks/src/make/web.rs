//! The facts of a whole store, joined: which thing an object names, who else says what.
//!
//! A thing is found by its keys: the folded title and the other names of a page's topic, the exact name
//! of an entry in a manual. A key that two things share names neither. Words of all texts are kept
//! folded, so that it can be asked which documents hold a name, whether or not any fact was read there:
//! the fact reader passes over most of what texts say, and a task is only as good as what it knows of
//! the rest.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sleuth_index::{folded, words};
use sleuth_records::{Document, DocumentId};

use crate::facts::{Fact, Page, Relation, Sort, Thing, Wanted, read};

/// Position among the documents of the web, which are sorted by id.
pub(crate) type DocumentAt = usize;
/// Position among the things of the web.
pub(crate) type ThingAt = usize;
/// Position among the facts of the web.
pub(crate) type FactAt = usize;

/// A fact and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    pub(crate) document: DocumentAt,
    pub(crate) thing: ThingAt,
    pub(crate) fact: Fact,
}

/// A thing and where it is described.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) document: DocumentAt,
    pub(crate) thing: Thing,
    /// Whether its name names nothing else in the store, so that a question may use it.
    pub(crate) nameable: bool,
    /// Positions of its facts.
    pub(crate) facts: Vec<FactAt>,
}

/// See the [module](self).
pub(crate) struct Web {
    pub(crate) documents: Vec<Arc<Document>>,
    pub(crate) things: Vec<Described>,
    pub(crate) facts: Vec<Stated>,
    /// Folded words of title and text, with a space at both ends.
    pub(crate) texts: Vec<String>,
    /// Documents by folded word.
    postings: HashMap<String, Vec<u32>>,
    by_key: HashMap<String, Vec<ThingAt>>,
    /// How many entries of manuals have a short name.
    shorts: HashMap<String, usize>,
    /// Things of each document.
    pub(crate) of_document: Vec<Vec<ThingAt>>,
}

impl Web {
    /// Reads the facts of `documents`, on `threads` threads.
    pub(crate) fn new(mut documents: Vec<Document>, threads: usize) -> Self {
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        let read_all = |documents: &[Document]| -> Vec<(Page, String)> {
            let one = |document: &Document| {
                let text = format!(" {} {} ", folded(&document.title), folded(&document.text));
                (read(document), text)
            };
            documents.iter().map(one).collect()
        };
        let pages = in_parallel(&documents, threads, read_all);
        let mut web = Self {
            things: Vec::new(),
            facts: Vec::new(),
            texts: Vec::with_capacity(documents.len()),
            postings: HashMap::new(),
            by_key: HashMap::new(),
            shorts: HashMap::new(),
            of_document: vec![Vec::new(); documents.len()],
            documents: documents.into_iter().map(Arc::new).collect(),
        };
        for (at, (page, text)) in pages.into_iter().enumerate() {
            web.add(at, page);
            let mut seen: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
            seen.sort_unstable();
            seen.dedup();
            for word in seen {
                let documents = web.postings.entry(word.to_owned()).or_default();
                documents.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            web.texts.push(text);
        }
        web.decide_names();
        web
    }

    fn add(&mut self, document: DocumentAt, page: Page) {
        let first = self.things.len();
        for thing in page.things {
            let at = self.things.len();
            for key in keys(&thing) {
                let things = self.by_key.entry(key).or_default();
                if !things.contains(&at) {
                    things.push(at);
                }
            }
            self.of_document[document].push(at);
            if thing.sort == Sort::Code {
                let short = thing.name.rsplit('.').next().unwrap_or(&thing.name);
                *self.shorts.entry(short.to_owned()).or_insert(0) += 1;
            }
            self.things.push(Described { document, thing, nameable: false, facts: Vec::new() });
        }
        for fact in page.facts {
            let thing = first + fact.thing;
            self.things[thing].facts.push(self.facts.len());
            self.facts.push(Stated { document, thing, fact });
        }
    }

    /// A name may be used where no other thing has it, and no other document as its title.
    fn decide_names(&mut self) {
        let mut titled: HashMap<String, Vec<DocumentAt>> = HashMap::new();
        for (at, document) in self.documents.iter().enumerate() {
            let title = document.title.trim();
            let plain = title.strip_suffix(')').and_then(|t| t.rsplit_once(" ("));
            for name in [Some(title), plain.map(|(before, _)| before)].into_iter().flatten() {
                let documents = titled.entry(folded(name)).or_default();
                if documents.last() != Some(&at) {
                    documents.push(at);
                }
            }
        }
        for at in 0..self.things.len() {
            let Described { document, thing, .. } = &self.things[at];
            let nameable = match thing.sort {
                Sort::Code => self.by_key.get(&code_key(&thing.name)).is_some_and(|t| t.len() == 1),
                Sort::Person | Sort::Work | Sort::Place | Sort::Group | Sort::Thing => {
                    let key = folded(&thing.name);
                    let alone = self.by_key.get(&key).is_some_and(|t| t.as_slice() == [at]);
                    let other = titled.get(&key).is_some_and(|d| d.iter().any(|d| d != document));
                    alone && !other && key.len() > 2
                }
            };
            self.things[at].nameable = nameable;
        }
    }

    /// The thing that `fact`'s object names, where it is one and of the sort that the relation wants.
    pub(crate) fn named_by(&self, stated: &Stated) -> Option<ThingAt> {
        let fact = &stated.fact;
        let wanted = fact.relation.row().wanted;
        let found = match wanted {
            Wanted::Code => {
                let module = module_of(&self.things[stated.thing].thing.name);
                let own = code_key(&format!("{module}.{}", fact.object));
                self.one(&own).or_else(|| self.one(&code_key(&fact.object)))
            }
            Wanted::Place => self.place(&fact.object),
            Wanted::Person | Wanted::Name | Wanted::Title => self.one(&folded(&fact.object)),
            Wanted::Date | Wanted::Number | Wanted::Version | Wanted::Path => None,
        }?;
        let sort = self.things[found].thing.sort;
        let fits = match wanted {
            Wanted::Code => sort == Sort::Code,
            Wanted::Person => sort == Sort::Person,
            Wanted::Place => sort == Sort::Place,
            Wanted::Name => matches!(sort, Sort::Person | Sort::Group),
            Wanted::Title => sort == Sort::Work,
            Wanted::Date | Wanted::Number | Wanted::Version | Wanted::Path => false,
        };
        (fits && found != stated.thing && self.is_compatible(stated, found)).then_some(found)
    }

    /// Whether `person`, a page of the name that a fact gives, can be who the fact means: a name alone is
    /// shared by a director and a racing driver. Either page has to speak of the other's kind: the
    /// person's of the work by name, or of what one does who makes such a work. And the times must fit.
    fn is_compatible(&self, stated: &Stated, person: ThingAt) -> bool {
        let described = &self.things[person];
        if described.thing.sort != Sort::Person {
            return true;
        }
        let text = self.texts[described.document].as_str();
        let names = &self.things[stated.thing].thing.name;
        let speaks = text.contains(&format!(" {} ", folded(names)));
        let place = &described.thing.place;
        let definition = self.words(described.document, place).to_lowercase();
        let does = doing(stated.fact.relation).iter().any(|stem| definition.contains(stem));
        if !speaks && !does {
            return false;
        }
        let year = |thing: ThingAt, relation| {
            self.fact(thing, relation, "").and_then(|fact| fact.value.as_ref()?.year())
        };
        let made = [Relation::ReleasedOn, Relation::PublishedOn, Relation::FoundedOn]
            .into_iter()
            .find_map(|relation| year(stated.thing, relation));
        let Some(made) = made else { return true };
        let born = year(person, Relation::BornOn).is_none_or(|born| made >= born + 8);
        let died = year(person, Relation::DiedOn).is_none_or(|died| made <= died + 8);
        born && died
    }

    /// The place that `A, B, C` names: the page of that title, or of `A, B`, or the page of `A` where
    /// its text speaks of `B`.
    fn place(&self, object: &str) -> Option<ThingAt> {
        let parts: Vec<&str> = object.split(", ").collect();
        for n in (1..=parts.len()).rev() {
            let Some(found) = self.one(&folded(&parts[..n].join(", "))) else { continue };
            let text = &self.texts[self.things[found].document];
            let spoken = parts[n..]
                .first()
                .is_none_or(|beyond| text.contains(&format!(" {} ", folded(beyond))));
            return spoken.then_some(found);
        }
        None
    }

    fn one(&self, key: &str) -> Option<ThingAt> {
        match self.by_key.get(key)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Things that have `name` among their names.
    pub(crate) fn called(&self, name: &str) -> &[ThingAt] {
        self.by_key.get(&folded(name)).map_or(&[], Vec::as_slice)
    }

    /// The fact of `thing` in `relation`, with this qualifier.
    pub(crate) fn fact(
        &self,
        thing: ThingAt,
        relation: Relation,
        qualifier: &str,
    ) -> Option<&Fact> {
        let mut facts = self.things[thing].facts.iter().map(|&at| &self.facts[at].fact);
        facts.find(|fact| fact.relation == relation && fact.qualifier == qualifier)
    }

    /// Documents whose text holds the words of `name` next to each other, in order.
    pub(crate) fn holding(&self, name: &str) -> Vec<DocumentAt> {
        let key = folded(name);
        if key.is_empty() {
            return Vec::new();
        }
        let lists: Option<Vec<&Vec<u32>>> =
            key.split(' ').map(|word| self.postings.get(word)).collect();
        let Some(mut lists) = lists else { return Vec::new() };
        lists.sort_by_key(|list| list.len());
        let needle = format!(" {key} ");
        let (first, rest) = (lists[0], &lists[1..]);
        let among = |at: &u32| rest.iter().all(|list| list.binary_search(at).is_ok());
        first
            .iter()
            .filter(|at| among(at))
            .map(|&at| at as DocumentAt)
            .filter(|&at| self.texts[at].contains(&needle))
            .collect()
    }

    /// Whether a short name of a program is that of one entry alone.
    pub(crate) fn is_short(&self, name: &str) -> bool {
        self.shorts.get(name) == Some(&1)
    }

    /// How many documents hold a folded word.
    pub(crate) fn n_holding(&self, word: &str) -> usize {
        self.postings.get(word).map_or(0, Vec::len)
    }

    /// The words of `range` in a document.
    pub(crate) fn words(&self, document: DocumentAt, range: &Range<usize>) -> &str {
        self.documents[document].text.get(range.clone()).unwrap_or_default()
    }

    /// The document `id`.
    pub(crate) fn document(&self, id: &DocumentId) -> Option<&Arc<Document>> {
        self.documents.get(self.position(id)?)
    }

    /// The position of the document `id`.
    pub(crate) fn position(&self, id: &DocumentId) -> Option<DocumentAt> {
        self.documents.binary_search_by(|document| document.id.cmp(id)).ok()
    }

    /// The id of a document.
    pub(crate) fn id(&self, document: DocumentAt) -> &DocumentId {
        &self.documents[document].id
    }
}

/// What somebody is called who is the object of a relation: beginnings of words.
fn doing(relation: Relation) -> &'static [&'static str] {
    match relation {
        Relation::DirectedBy | Relation::CreatedBy => {
            &["direct", "film", "screenwr", "animator", "televis", "producer"]
        }
        Relation::WrittenBy | Relation::AuthoredBy => {
            &["writ", "novel", "author", "screen", "poet", "dramat", "journal", "songwr", "essay"]
        }
        Relation::ProducedBy => &["produc", "film", "direct"],
        Relation::ComposedBy => &["compos", "music", "songwr"],
        Relation::Starring => &["act", "comedian", "film", "televis", "singer"],
        Relation::PerformedBy | Relation::RecordedBy => {
            &["sing", "music", "rapper", "artist", "songwr", "guitar", "pian", "vocal", "drummer"]
        }
        _ => &[],
    }
}

/// Keys of a thing.
fn keys(thing: &Thing) -> Vec<String> {
    if thing.sort == Sort::Code {
        return vec![code_key(&thing.name)];
    }
    let mut keys: Vec<String> =
        std::iter::once(&thing.name).chain(&thing.aliases).map(|name| folded(name)).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn code_key(name: &str) -> String {
    format!("`{name}")
}

/// What stands in front of the last name of a program.
fn module_of(name: &str) -> &str {
    // Of `asyncio.Task.cancel` the module is `asyncio`: names with a capital are classes.
    let parts: Vec<&str> = name.split('.').collect();
    let n = parts
        .iter()
        .take(parts.len().saturating_sub(1))
        .take_while(|part| !part.starts_with(char::is_uppercase))
        .map(|part| part.len() + 1)
        .sum::<usize>();
    &name[..n.saturating_sub(1)]
}

/// `work` on equal parts of `items`, the results in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let threads = threads.clamp(1, 64);
    // Small parts, taken by whoever is free: documents differ in length.
    let size = items.len().div_ceil(threads * 8).max(1);
    let parts: Vec<&[T]> = items.chunks(size).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut done: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(part) = parts.get(at) else { return done };
                        done.push((at, work(part)));
                    }
                })
            })
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<(usize, Vec<R>)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, part)| part).collect()
}

/// The stretches of `text` that speak of `name`: around each place where it stands, as far as the sentence
/// or the line goes, and no further than [`REACH`]. The whole text where it is written in another way.
pub(crate) fn around<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let places: Vec<usize> = text.match_indices(name).map(|(at, _)| at).collect();
    if places.is_empty() {
        return vec![text];
    }
    let stretch = |at: usize| {
        let from = text.floor_char_boundary(at.saturating_sub(REACH));
        let to = text.floor_char_boundary((at + name.len() + REACH).min(text.len()));
        let before = &text[from..at];
        let start = ["\n\n", ". ", ".\n"]
            .iter()
            .filter_map(|end| before.rfind(end).map(|found| found + end.len()))
            .max()
            .unwrap_or(0);
        let after = &text[at + name.len()..to];
        let end = ["\n\n", ". ", ".\n"].iter().filter_map(|end| after.find(end)).min();
        &text[from + start..at + name.len() + end.unwrap_or(after.len())]
    };
    places.into_iter().map(stretch).collect()
}

/// Bytes to both sides of a name that may speak of it.
const REACH: usize = 400;

/// Folded words of a text: what names are compared by.
pub(crate) fn folded_words(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.text).collect()
}
