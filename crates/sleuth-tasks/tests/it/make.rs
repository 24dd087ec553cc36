//! Tasks from a store of two small worlds: pages of an encyclopedia and a manual.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use sleuth_index::{MemorySource, Retriever as _, Store, SyncOptions, build_graph, sync};
use sleuth_lm::{Cancel, LanguageModel, LmError, ModelInfo, Reply, Request};
use sleuth_records::{Document, DocumentId, Message, Role, TokenUsage, ToolSpec};
use sleuth_tasks::{
    Filter, Kind, Made, MakeError, MakeOptions, Shares, Split, Task, Verifier, make,
    split_by_evidence, write_tasks,
};

const FIRST: [&str; 20] = [
    "Adela", "Boris", "Celine", "Dario", "Edith", "Falko", "Greta", "Henrik", "Ilona", "Jonas",
    "Karin", "Linus", "Maren", "Nadia", "Oskar", "Petra", "Quirin", "Romy", "Stefan", "Thea",
];
const LAST: [&str; 20] = [
    "Abendroth",
    "Brenninger",
    "Czerwinka",
    "Dornbach",
    "Eichhorst",
    "Fallersleben",
    "Gruenwald",
    "Haberkorn",
    "Immendorf",
    "Jarosch",
    "Kettelhake",
    "Lindenblatt",
    "Moosbrugger",
    "Nadelhorn",
    "Oberlechner",
    "Pfefferkorn",
    "Quastenberg",
    "Rosenzweig",
    "Silberbauer",
    "Tannhauser",
];
const TITLES: [&str; 20] = [
    "Amber Tides",
    "Broken Lantern",
    "Copper Sky",
    "Distant Orchard",
    "Emerald Gate",
    "Fading Harbour",
    "Golden Thicket",
    "Hollow Bell",
    "Iron Meadow",
    "Jade Staircase",
    "Kindled Shore",
    "Lonely Viaduct",
    "Marble Sparrow",
    "Northern Cellar",
    "Opal Furnace",
    "Painted Glacier",
    "Quiet Foundry",
    "Rusty Cathedral",
    "Silver Ravine",
    "Twisted Compass",
];

fn documents() -> Vec<Document> {
    let mut out = Vec::new();
    for n in 0..20 {
        let director = format!("{} {}", FIRST[n % 10], LAST[n % 10]);
        let star = format!("{} {}", FIRST[(n * 3 + 5) % 20], LAST[(n * 7 + 3) % 20]);
        let year = 1961 + n * 2;
        let genre = ["war", "horror", "comedy", "adventure", "musical"][n / 4];
        let title = TITLES[n];
        out.push(Document::new(
            DocumentId::new(format!("film-{n:02}")),
            title,
            format!(
                "{title} is a {year} Austrian {genre} film directed by {director} and starring \
                 {star}. The plot was called slow by some and deep by others."
            ),
        ));
    }
    for n in 0..10 {
        let name = format!("{} {}", FIRST[n], LAST[n]);
        let (day, year) = (n + 3, 1921 + n);
        let town = ["Graz", "Linz", "Wels", "Steyr", "Villach"][n % 5];
        out.push(Document::new(
            DocumentId::new(format!("person-{n:02}")),
            name.as_str(),
            format!(
                "{name} (born May {day}, {year} in {town}, Austria) is an Austrian film director \
                 known for long takes."
            ),
        ));
    }
    let mut manual = String::from(
        ":mod:`beacon` --- Signals\n=========================\n\n.. module:: beacon\n\n\
         .. moduleauthor:: Ann Lee <ann@example.org>\n\n**Source code:** :source:`Lib/beacon.py`\n\n",
    );
    for (n, name) in ["open", "close", "flash", "dim", "rotate", "listen"].iter().enumerate() {
        manual += &format!(
            ".. function:: {name}_light(lamp, timeout={}, colour='amber')\n\n   \
             Make the lamp {name}.  Raise :exc:`LampError` if the bulb number {n} is missing.\n\n   \
             .. versionadded:: 3.{}\n\n",
            n + 7,
            n + 2
        );
    }
    manual += ".. function:: reset_light(lamp)\n\n   Put the lamp back.\n\n";
    manual += ".. exception:: LampError\n\n   A subclass of :exc:`ValueError`.\n\n   \
               .. versionadded:: 3.1\n";
    out.push(Document::new(DocumentId::new("beacon.rst"), "beacon --- Signals", manual));
    out
}

fn store(path: &Path, documents: Vec<Document>) -> Store {
    let options = SyncOptions { name: "worlds".to_owned(), ..SyncOptions::default() };
    sync(path, &MemorySource::new(documents), &options, &|_| (), &|| false).unwrap();
    build_graph(path, 1, &|_, _| (), &|| false).unwrap();
    Store::open(path).unwrap()
}

fn options() -> MakeOptions {
    MakeOptions {
        seed: 5,
        count: 8,
        candidates: 60,
        // All in one split: a small world cut in three has hardly any two pages together.
        shares: Shares { train: 1.0, dev: 0.0, test: 0.0 },
        ..MakeOptions::default()
    }
}

fn made(options: &MakeOptions) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    make(&store, options, None, &|_| (), &|| false).unwrap()
}

/// What the plain options make, which several tests look at.
fn usual() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| made(&options()))
}

fn of(tasks: &[Task], kind: Kind) -> Vec<&Task> {
    tasks.iter().filter(|task| task.kind == kind).collect()
}

#[test]
fn every_task_quotes_what_stands_in_its_documents() {
    let (documents, made) = (documents(), usual());
    let texts: BTreeMap<&DocumentId, &str> =
        documents.iter().map(|document| (&document.id, document.text.as_str())).collect();
    assert!(made.tasks.len() >= 20, "{} tasks", made.tasks.len());
    let ids: BTreeSet<&str> = made.tasks.iter().map(|task| task.id.0.as_str()).collect();
    assert_eq!(ids.len(), made.tasks.len());
    for task in &made.tasks {
        assert!(!task.evidence.is_empty(), "{}", task.id);
        for evidence in &task.evidence {
            let range = evidence.range.clone().unwrap();
            assert_eq!(texts[&evidence.document][range], *evidence.quote, "{}", task.id);
        }
        assert_eq!(task.split, Split::Train);
        assert_eq!(task.provenance.seed, Some(5));
        assert!(task.provenance.recipe.ends_with(" 2"), "{}", task.provenance.recipe);
        let documents: BTreeSet<_> =
            task.evidence.iter().map(|evidence| &evidence.document).collect();
        assert!(task.hops as usize <= documents.len(), "{}", task.question.as_str());
    }
}

#[test]
fn answers_are_in_the_quotes_and_not_in_the_questions() {
    for task in &usual().tasks {
        if task.kind == Kind::Unanswerable {
            assert!(task.gold_answers.is_empty());
            assert_eq!(task.verifier, Verifier::NotFound);
            continue;
        }
        let quotes: String =
            task.evidence.iter().map(|evidence| format!("{}\n", evidence.quote)).collect();
        let gold = &task.gold_answers[0];
        let last = gold.rsplit('.').next().unwrap();
        assert!(quotes.contains(gold.as_str()) || quotes.contains(last), "`{gold}`: {quotes}");
        if task.kind != Kind::Comparison {
            assert!(!task.question.as_str().contains(gold.as_str()), "{}", task.question.as_str());
        }
    }
}

#[test]
fn kinds_ask_what_they_say() {
    let made = usual();
    let bridges = of(&made.tasks, Kind::Bridge);
    assert!(!bridges.is_empty());
    for task in bridges {
        assert!(task.hops >= 2 && task.steps.len() >= 2, "{task:?}");
        // The page in the middle is not named.
        assert!(
            task.steps[..task.steps.len() - 1]
                .iter()
                .all(|step| { !task.question.as_str().contains(step.answer.as_str()) })
        );
        assert!(task.steps[1..].iter().any(|step| step.question.contains("#1")));
    }
    let compared = of(&made.tasks, Kind::Comparison);
    assert!(!compared.is_empty());
    for task in compared {
        assert_eq!(task.hops, 2);
        let said = task.question.as_str();
        assert!(task.gold_answers.iter().any(|gold| said.contains(gold.as_str())), "{said}");
    }
    assert!(!of(&made.tasks, Kind::OneHop).is_empty());
    assert!(!of(&made.tasks, Kind::Unanswerable).is_empty());
}

/// The order of two films by their years is what the pages say.
#[test]
fn comparisons_are_right() {
    let (documents, made) = (documents(), usual());
    let year = |name: &str| -> Option<u32> {
        let text = &documents.iter().find(|document| document.title == name)?.text;
        text.split(' ').find_map(|word| word.parse().ok().filter(|year| *year > 1000))
    };
    let mut n = 0;
    for task in of(&made.tasks, Kind::Comparison) {
        let said = task.question.as_str();
        let names: Vec<&str> = TITLES.into_iter().filter(|title| said.contains(title)).collect();
        let [a, b] = names.as_slice() else { continue };
        let first = if year(a).unwrap() < year(b).unwrap() { a } else { b };
        let wanted = if said.contains("first") {
            first
        } else if first == a {
            b
        } else {
            a
        };
        assert_eq!(task.gold_answers[0], **wanted, "{said}");
        n += 1;
    }
    assert!(n >= 2, "{n} comparisons of films");
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = |options: &MakeOptions, name: &str| {
        let made = made(options);
        let path = dir.path().join(name);
        write_tasks(&path, &made.tasks).unwrap();
        fs_err::read(path).unwrap()
    };
    let few = MakeOptions { count: 3, candidates: 20, ..options() };
    let one = bytes(&few, "one.jsonl");
    assert!(!one.is_empty());
    assert_eq!(one, bytes(&MakeOptions { threads: 4, ..few.clone() }, "four.jsonl"));
    assert_ne!(one, bytes(&MakeOptions { seed: 6, ..few }, "other.jsonl"));
}

/// What another page says of the same subject takes the answer's being the only one away.
#[test]
fn a_second_answer_in_the_store_drops_the_task() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        MakeOptions { kinds: vec![Kind::OneHop], count: 200, candidates: 400, ..options() };
    let asks = |documents: Vec<Document>, name: &str| {
        let store = store(&dir.path().join(name), documents);
        let made = make(&store, &options, None, &|_| (), &|| false).unwrap();
        let question = "directed the film \"Amber Tides\"";
        let kind = &made.report.kinds[0];
        let (_, asked, passed) =
            kind.survivors.iter().find(|(filter, ..)| *filter == Filter::Unique).unwrap();
        let told = made.tasks.iter().any(|task| {
            task.question.as_str().contains(question)
                || task.question.as_str().contains("director of the film \"Amber Tides\"")
        });
        (told, asked - passed)
    };
    let (told, before) = asks(documents(), "before");
    assert!(told);
    let mut more = documents();
    more.push(Document::new(
        DocumentId::new("rumour"),
        "Rumours",
        "Some say that Amber Tides was directed by Wolfgang Sonnleitner in a single night.",
    ));
    let (told, after) = asks(more, "after");
    assert!(!told && after > before);
}

/// What is said on no page but in passing elsewhere is not unanswerable.
#[test]
fn a_hint_elsewhere_keeps_a_question_from_being_unanswerable() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        MakeOptions { kinds: vec![Kind::Unanswerable], count: 400, candidates: 400, ..options() };
    let mut documents = documents();
    // Five siblings have a writer, so that films lack one.
    for n in 0..5 {
        documents.push(Document::new(
            DocumentId::new(format!("written-{n}")),
            format!("Written Fable {n}"),
            format!(
                "Written Fable {n} is a 201{n} Swiss film written by Anton Huber{}.",
                "x".repeat(n + 1)
            ),
        ));
    }
    let asked = |documents: Vec<Document>, name: &str| {
        let store = store(&dir.path().join(name), documents);
        let made = make(&store, &options, None, &|_| (), &|| false).unwrap();
        made.tasks
            .iter()
            .filter(|task| {
                let said = task.question.as_str();
                said.contains("Copper Sky") && (said.contains("wrote") || said.contains("written"))
            })
            .count()
    };
    assert!(asked(documents.clone(), "silent") > 0);
    documents.push(Document::new(
        DocumentId::new("aside"),
        "Asides",
        "The script of Copper Sky went through many hands.",
    ));
    assert_eq!(asked(documents, "aside"), 0);
}

#[test]
fn splits_share_no_document() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    let options = MakeOptions {
        shares: Shares { train: 0.4, dev: 0.3, test: 0.3 },
        kinds: vec![Kind::OneHop, Kind::Comparison],
        count: 30,
        ..options()
    };
    let made = make(&store, &options, None, &|_| (), &|| false).unwrap();
    let mut of: BTreeMap<DocumentId, Split> = BTreeMap::new();
    for task in &made.tasks {
        for evidence in &task.evidence {
            let split = of.entry(evidence.document.clone()).or_insert(task.split);
            assert_eq!(*split, task.split, "{}", evidence.document);
        }
    }
    assert!(of.values().collect::<BTreeSet<_>>().len() > 1);
    assert_eq!(made.report.documents_by_split.iter().sum::<usize>(), documents().len());
}

/// What is asked of a person, or by way of a film, is not asked in another split of a person of nearly that name
/// with the same answer.
#[test]
fn splits_share_no_question_either() {
    let dir = tempfile::tempdir().unwrap();
    let mut documents = Vec::new();
    for n in 0..20 {
        for (of, last) in ["", " Junior"].iter().enumerate() {
            let name = format!("{} {}{last}", FIRST[n], LAST[n]);
            let title = format!("{}{}", TITLES[n], ["", " Returns"][of]);
            let (day, year) = (n + 3, 1921 + n);
            let known = ["Long takes made the name.", "Nobody knows the early work, now lost."][of];
            documents.push(Document::new(
                DocumentId::new(format!("person-{n:02}-{of}")),
                name.as_str(),
                format!("{name} (born May {day}, {year}) is an Austrian film director. {known}"),
            ));
            documents.push(Document::new(
                DocumentId::new(format!("film-{n:02}-{of}")),
                title.as_str(),
                format!("{title} is a {} Austrian film directed by {name}. {known}", year + 30),
            ));
        }
    }
    let store = store(&dir.path().join("store"), documents);
    let options = MakeOptions {
        shares: Shares { train: 0.5, dev: 0.0, test: 0.5 },
        kinds: vec![Kind::OneHop, Kind::Bridge],
        count: 200,
        candidates: 400,
        ..options()
    };
    let made = make(&store, &options, None, &|_| (), &|| false).unwrap();
    for kind in &made.report.kinds {
        let (_, asked, passed) =
            kind.survivors.iter().find(|(filter, ..)| *filter == Filter::New).unwrap();
        assert!(passed < asked, "{:?}: {asked}", kind.kind);
        let mut of: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
        for task in made.tasks.iter().filter(|task| task.question.as_str().contains("born")) {
            if task.kind == kind.kind {
                of.entry(&task.gold_answers[0]).or_default().insert(task.split);
            }
        }
        assert!(of.len() >= 10, "{:?}: {of:?}", kind.kind);
        assert!(of.values().any(|splits| splits.contains(&Split::Train)));
        assert!(of.values().any(|splits| splits.contains(&Split::Test)));
        assert!(of.values().all(|splits| splits.len() == 1), "{:?}: {of:?}", kind.kind);
    }
}

/// Where one search is not asked for, the report says nothing of it.
#[test]
fn filters_that_are_not_asked_are_not_counted() {
    for kind in &usual().report.kinds {
        let (_, asked, _) =
            kind.survivors.iter().find(|(filter, ..)| *filter == Filter::Searches).unwrap();
        let takes_more = !matches!(kind.kind, Kind::OneHop | Kind::Unanswerable);
        assert!(takes_more || *asked == 0, "{:?}: {asked}", kind.kind);
    }
}

#[test]
fn tasks_from_elsewhere_are_split_by_their_evidence() {
    let mut tasks = usual().tasks.clone();
    let shares = Shares { train: 0.5, dev: 0.25, test: 0.25 };
    let report = split_by_evidence(&mut tasks, &shares);
    assert_eq!(report.tasks.iter().sum::<usize>(), tasks.len());
    let mut of: BTreeMap<&DocumentId, Split> = BTreeMap::new();
    for task in &tasks {
        for evidence in &task.evidence {
            assert_eq!(*of.entry(&evidence.document).or_insert(task.split), task.split);
        }
        assert!(task.provenance.family.is_some());
    }
    let again = {
        let mut reversed: Vec<Task> = tasks.iter().rev().cloned().collect();
        split_by_evidence(&mut reversed, &shares);
        reversed.reverse();
        reversed
    };
    assert_eq!(again, tasks);
}

/// Says the same thing whatever it is asked.
struct Parrot {
    info: ModelInfo,
    says: String,
}

impl LanguageModel for Parrot {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&mut self, _: &[Message], _: &[ToolSpec]) -> Result<usize, LmError> {
        Ok(1)
    }

    fn complete(&mut self, request: &Request<'_>, _: Cancel<'_>) -> Result<Reply, LmError> {
        let asked = request.messages.last().map(|message| message.content.clone());
        let reworded = asked
            .filter(|_| request.max_tokens > 100)
            .map(|question| question.replacen("When was", "Do you know when", 1));
        let text = reworded.unwrap_or_else(|| self.says.clone());
        Ok(Reply {
            message: Message::text(Role::Assistant, text),
            tokens: TokenUsage::default(),
            dollars: 0.0,
        })
    }
}

fn parrot(says: &str) -> Parrot {
    let info = ModelInfo { name: "parrot".to_owned(), tier: None, context: 4096, price: None };
    Parrot { info, says: says.to_owned() }
}

#[test]
fn what_a_model_knows_is_dropped_and_its_words_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    let options = MakeOptions { kinds: vec![Kind::OneHop], count: 40, reword: true, ..options() };
    let made_with = |says: &str| {
        let mut model = parrot(says);
        make(&store, &options, Some(&mut model), &|_| (), &|| false).unwrap()
    };
    let ignorant = made_with("I do not know.");
    let knowing = made_with("It must have been 1961, or directed by Adela Abendroth.");
    let has = |made: &Made, gold: &str| {
        made.tasks.iter().any(|task| task.gold_answers.iter().any(|answer| answer == gold))
    };
    assert!(has(&ignorant, "Adela Abendroth"));
    assert!(!has(&knowing, "Adela Abendroth"));
    let reworded: Vec<&Task> =
        ignorant.tasks.iter().filter(|task| task.provenance.reworded_by.is_some()).collect();
    assert!(!reworded.is_empty());
    assert!(reworded.iter().all(|task| task.question.as_str().starts_with("Do you know when")));
    assert_eq!(ignorant.report.kinds[0].reworded, reworded.len());
}

/// A date in another spelling is known, too; of two things that are compared, one alone must be named,
/// each time.
#[test]
fn what_counts_as_known_goes_by_the_verifier_and_not_by_chance() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    let made_with = |kind: Kind, candidates: usize, says: &str| {
        let options = MakeOptions { kinds: vec![kind], count: 40, candidates, ..options() };
        let mut model = parrot(says);
        make(&store, &options, Some(&mut model), &|_| (), &|| false).unwrap()
    };
    let born = |made: &Made| {
        let adela = |task: &&Task| {
            task.question.as_str().contains("Adela Abendroth") && task.verifier == Verifier::Date
        };
        made.tasks.iter().filter(adela).count()
    };
    assert!(born(&made_with(Kind::OneHop, 60, "I do not know.")) > 0);
    assert_eq!(born(&made_with(Kind::OneHop, 60, "3 May 1921")), 0);

    let ignorant = made_with(Kind::Comparison, 12, "I do not know.").tasks;
    let gold = ignorant[0].gold_answers[0].as_str();
    let all = TITLES.map(|title| format!("{title}.")).join(" ");
    assert_eq!(made_with(Kind::Comparison, 12, &all).tasks.len(), ignorant.len());
    let knowing = made_with(Kind::Comparison, 12, gold).tasks;
    assert!(knowing.iter().all(|task| task.gold_answers[0] != gold));
    assert!(knowing.len() < ignorant.len());
}

/// Words of the model that give the answer to one search are not taken.
#[test]
fn other_words_pass_the_same_filters() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    let options = MakeOptions { kinds: vec![Kind::Bridge], count: 40, ..options() };
    let plain = make(&store, &options, None, &|_| (), &|| false).unwrap();
    // The page that states the answer, as words to search for.
    let mut model = Telling(parrot("I do not know."));
    let reword = MakeOptions { reword: true, ..options };
    let reworded = make(&store, &reword, Some(&mut model), &|_| (), &|| false).unwrap();
    assert_eq!(reworded.tasks.len(), plain.tasks.len());
    assert!(!plain.tasks.is_empty());
    for (task, before) in reworded.tasks.iter().zip(&plain.tasks) {
        assert_eq!(task, before);
    }
}

/// Rewords a question so that it names every director, among whom is the page in the middle.
struct Telling(Parrot);

impl LanguageModel for Telling {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn count_tokens(&mut self, _: &[Message], _: &[ToolSpec]) -> Result<usize, LmError> {
        Ok(1)
    }

    fn complete(&mut self, request: &Request<'_>, cancel: Cancel<'_>) -> Result<Reply, LmError> {
        let mut reply = self.0.complete(request, cancel)?;
        if request.max_tokens > 100 {
            let asked = &request.messages[request.messages.len() - 1].content;
            let film = TITLES.iter().position(|title| asked.contains(title)).unwrap();
            let director = format!("{} {}", FIRST[film % 10], LAST[film % 10]);
            reply.message.content = format!("{director}, {director}: {asked}");
        }
        Ok(reply)
    }
}

#[test]
fn a_store_without_facts_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let document = Document::new(DocumentId::new("a"), "Notes", "nothing to see here, move on");
    let store = store(&dir.path().join("store"), vec![document]);
    let error = make(&store, &options(), None, &|_| (), &|| false).unwrap_err();
    assert!(matches!(error, MakeError::NoFacts { documents: 1 }), "{error}");
    assert_eq!(
        error.to_string(),
        "no facts in the store: expected sentences that define, or entries of a manual (documents read: 1)"
    );
    assert!(store.snapshot().len() > 8);
}

#[test]
fn cancelling_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("store"), documents());
    let error = make(&store, &options(), None, &|_| (), &|| true).unwrap_err();
    assert!(matches!(error, MakeError::Cancelled));
}

/// A page that gives two years for one event has no single answer to when it was.
#[test]
fn two_years_of_one_event_are_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        MakeOptions { kinds: vec![Kind::OneHop], count: 200, candidates: 400, ..options() };
    let asked = |more: &str, name: &str| {
        let mut documents = documents();
        documents[0].text.push_str(more);
        let store = store(&dir.path().join(name), documents);
        let made = make(&store, &options, None, &|_| (), &|| false).unwrap();
        made.tasks
            .iter()
            .any(|task| task.question.as_str() == "When was the film \"Amber Tides\" released?")
    };
    assert!(asked("", "once"));
    assert!(!asked(" In Japan it was released two years later, in 1963.", "twice"));
}
