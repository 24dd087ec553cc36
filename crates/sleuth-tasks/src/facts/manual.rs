//! Facts of technical documents.
//!
//! Manuals describe names in *entries*: a line that declares a name, then a body that stands further
//! in. Two shapes are read:
//!
//! * the directives of reStructuredText (`.. function:: open(file, mode='r')`), with the module that
//!   `.. module::` names and the classes that entries stand in as the front of the name;
//! * in text made of web pages, a line with one name of a program and its type or its arguments,
//!   such as `shared_buffers (integer)`.
//!
//! Read are arguments with their defaults, notes of versions (`.. versionadded:: 3.2`, *New in version
//! 3.2*), and formulas that manuals keep to: *A subclass of X*, *Raises X if …*, *Return a X*, *The
//! default is X*. A body's text counts for its own entry alone, not for one that it stands in.

mod entries;
mod markup;

use std::ops::Range;

use sleuth_agent::sentences;
use sleuth_records::Document;

use entries::{Entry, Line, entries, lines};
use markup::{argument, code_at, default_values, plain, roles};

use super::value::{Value, number, version};
use super::{Fact, Page, Relation, Sort, Thing, one_line};

/// Longest condition under which something is raised, in words.
const LONGEST_CONDITION: usize = 16;

/// Reads `document` as technical; a page without things where it has no entries.
pub(super) fn read(document: &Document) -> Page {
    let text = document.text.as_str();
    let lines = lines(text);
    let entries = entries(text, &lines);
    let mut page = Page::default();
    for (nth, entry) in entries.iter().enumerate() {
        page.things.push(thing(entry));
        let mut reader =
            Reader { text, lines: &lines, entries: &entries, nth, facts: &mut page.facts };
        reader.read();
    }
    page
}

fn thing(entry: &Entry) -> Thing {
    let noun = entry.noun.to_owned();
    let said = match entry.noun {
        "" => format!("`{}`", entry.name),
        noun => format!("the {noun} `{}`", entry.name),
    };
    let mut aliases = Vec::new();
    if let Some((_, short)) = entry.name.rsplit_once('.') {
        aliases.push(short.to_owned());
    }
    Thing {
        name: entry.name.clone(),
        said,
        aliases,
        sort: Sort::Code,
        kind: noun.clone(),
        noun,
        place: entry.head.clone(),
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a [Line],
    entries: &'a [Entry],
    /// The entry that is read.
    nth: usize,
    facts: &'a mut Vec<Fact>,
}

impl Reader<'_> {
    fn entry(&self) -> &Entry {
        &self.entries[self.nth]
    }

    fn push(&mut self, fact: Fact) {
        self.facts.push(Fact { thing: self.nth, ..fact });
    }

    fn fact(&self, relation: Relation, sentence: Range<usize>, place: Range<usize>) -> Fact {
        Fact {
            thing: self.nth,
            relation,
            object: one_line(&self.text[place.clone()]),
            qualifier: String::new(),
            value: None,
            alone: true,
            sentence,
            place,
        }
    }

    fn read(&mut self) {
        self.signature();
        let own = self.own_lines();
        if self.entry().noun == "module" {
            self.module(&own);
        } else {
            self.notes(&own);
            self.prose(&own);
        }
    }

    /// Lines of the body that stand at its own depth, those of entries inside left out.
    fn own_lines(&self) -> Vec<usize> {
        let entry = self.entry();
        let inner: Vec<Range<usize>> = self
            .entries
            .iter()
            .filter(|other| {
                other.body.start > entry.body.start && other.head.start < entry.body_end(self.lines)
            })
            .map(|other| other.first_line..other.body.end)
            .collect();
        entry.body.clone().filter(|line| !inner.iter().any(|range| range.contains(line))).collect()
    }

    /// Defaults of the arguments.
    fn signature(&mut self) {
        let entry = self.entry();
        let Some(arguments) = entry.arguments.clone() else { return };
        let head = entry.head.clone();
        for (name, value) in default_values(self.text, &arguments) {
            let object = &self.text[value.clone()];
            // What says nothing by itself is no answer worth a search.
            if matches!(
                object,
                "None"
                    | "True"
                    | "False"
                    | "NULL"
                    | "0"
                    | "''"
                    | "\"\""
                    | "b''"
                    | "()"
                    | "[]"
                    | "{}"
            ) {
                continue;
            }
            let mut fact = self.fact(Relation::DefaultOf, head.clone(), value.clone());
            name.clone_into(&mut fact.qualifier);
            fact.value = number(object).map(Value::Number);
            self.push(fact);
        }
    }

    fn module(&mut self, own: &[usize]) {
        for &at in own {
            let line = &self.lines[at];
            let words = &self.text[line.range.clone()];
            if let Some(rest) = words.trim_start().strip_prefix(".. moduleauthor::") {
                let name = rest.split('<').next().unwrap_or_default().trim();
                let known = name.split(' ').count() >= 2
                    && name.chars().all(|c| c.is_alphabetic() || " .'-".contains(c));
                if known && let Some(place) = within(self.text, &line.range, name) {
                    let fact = self.fact(Relation::ModuleAuthor, line.trimmed(self.text), place);
                    self.push(fact);
                }
            }
            if let Some(rest) = words.strip_prefix("**Source code:**")
                && let [role] = roles(rest).as_slice()
                && let Some(place) = within(self.text, &line.range, role.target)
            {
                let fact = self.fact(Relation::SourceFile, line.trimmed(self.text), place);
                self.push(fact);
            }
        }
        // Several authors are no single answer.
        let authors =
            |fact: &&mut Fact| fact.thing == self.nth && fact.relation == Relation::ModuleAuthor;
        let n = self.facts.iter_mut().filter(authors).count();
        if n > 1 {
            let nth = self.nth;
            for fact in self.facts.iter_mut() {
                if fact.thing == nth && fact.relation == Relation::ModuleAuthor {
                    fact.alone = false;
                }
            }
        }
    }

    /// Notes of versions and platforms that stand at the body's own depth.
    fn notes(&mut self, own: &[usize]) {
        let depth = own
            .iter()
            .map(|&at| &self.lines[at])
            .find(|line| !line.is_blank())
            .map_or(0, |line| line.indent);
        for (nth, &at) in own.iter().enumerate() {
            let line = &self.lines[at];
            if line.indent != depth {
                continue;
            }
            let words = self.text[line.range.clone()].trim();
            let Some((directive, value)) = note(words) else { continue };
            // What stands further in belongs to the note.
            let said: Vec<&str> = own[nth + 1..]
                .iter()
                .map(|&at| &self.lines[at])
                .take_while(|line| line.is_blank() || line.indent > depth)
                .map(|line| self.text[line.range.clone()].trim())
                .filter(|line| !line.is_empty())
                .collect();
            let (value, behind) = value.split_once(' ').unwrap_or((value, ""));
            let said = one_line(&format!("{behind} {}", said.join(" ")));
            let Some(parts) = version(value.trim_end_matches('.')) else {
                if directive == "availability" {
                    self.availability(at, words);
                }
                continue;
            };
            let value = value.trim_end_matches('.');
            let Some(place) = within(self.text, &line.range, value) else { continue };
            let mut fact = self.fact(Relation::AddedIn, line.trimmed(self.text), place);
            fact.value = Some(Value::Version(parts));
            let parameter = self.parameter_added(&said);
            match (directive, said.as_str(), parameter) {
                ("versionadded", "", _) => self.push(fact),
                ("versionadded" | "versionchanged", _, Some(parameter)) => {
                    let last = self.end_of_note(&own[nth..], depth);
                    fact.relation = Relation::ParameterAddedIn;
                    fact.qualifier = parameter;
                    fact.sentence.end = last;
                    self.push(fact);
                }
                ("deprecated" | "deprecated-removed", said, _) if deprecates(said) => {
                    fact.relation = Relation::DeprecatedIn;
                    self.push(fact);
                    let end = self.end_of_note(&own[nth..], depth);
                    self.replacement(line.trimmed(self.text).start..end);
                }
                _ => {}
            }
        }
    }

    /// `Use X instead.` in a note of deprecation.
    fn replacement(&mut self, note: Range<usize>) {
        let words = &self.text[note.clone()];
        let Some(use_at) = words.find("Use ").or_else(|| words.find("use ")) else { return };
        let Some((place, behind)) = code_at(self.text, note.start + use_at + 4, note.end) else {
            return;
        };
        let rest = one_line(&self.text[behind..note.end]);
        if matches!(rest.as_str(), "instead." | "instead" | "." | "") {
            let mut fact = self.fact(Relation::ReplacedBy, note, place.clone());
            fact.object = target(&self.text[place]);
            self.push(fact);
        }
    }

    /// Where the note whose first line leads `own` ends.
    fn end_of_note(&self, own: &[usize], depth: usize) -> usize {
        let mut end = self.lines[own[0]].trimmed(self.text).end;
        for &at in &own[1..] {
            let line = &self.lines[at];
            if line.is_blank() {
                continue;
            }
            if line.indent <= depth {
                break;
            }
            end = line.trimmed(self.text).end;
        }
        end
    }

    /// The one argument of this entry that a note says was added.
    fn parameter_added(&self, said: &str) -> Option<String> {
        let arguments = self.entry().arguments.clone()?;
        let first = said.split(". ").next().unwrap_or_default();
        let rest = first
            .strip_prefix("Added the ")
            .or_else(|| first.strip_prefix("Add the "))
            .or_else(|| first.strip_prefix("Added "))
            .or_else(|| first.strip_prefix("The "))?;
        let (name, behind) = argument(rest)?;
        let behind = behind.trim_end_matches('.');
        let is_added = if first.starts_with("The ") {
            matches!(
                behind,
                " parameter was added"
                    | " argument was added"
                    | " parameter is added"
                    | " keyword argument was added"
                    | " keyword was added"
                    | " parameter"
                    | " argument"
                    | " was added"
                    | " keyword-only parameter was added"
            )
        } else {
            matches!(
                behind,
                " parameter" | " argument" | " keyword argument" | " keyword" | " option"
            )
        };
        let names = argument_names(&self.text[arguments]);
        (is_added && names.contains(&name)).then(|| name.to_owned())
    }

    fn availability(&mut self, at: usize, words: &str) {
        let Some(object) = words.strip_prefix(".. availability::") else { return };
        let object = object.trim().trim_end_matches('.');
        let plain = !object.is_empty()
            && object.split(' ').count() <= 3
            && object.chars().all(|c| c.is_alphanumeric() || c == ' ' || c == ',');
        let line = &self.lines[at];
        if plain
            && !object.contains("not")
            && let Some(place) = within(self.text, &line.range, object)
        {
            let fact = self.fact(Relation::Availability, line.trimmed(self.text), place);
            self.push(fact);
        }
    }

    /// Formulas in the paragraphs at the body's own depth.
    fn prose(&mut self, own: &[usize]) {
        for (nth, paragraph) in paragraphs(self.text, self.lines, own).into_iter().enumerate() {
            for (at, range) in sentences(&self.text[paragraph.clone()]).into_iter().enumerate() {
                let sentence = paragraph.start + range.start..paragraph.start + range.end;
                let opens = nth == 0 && at == 0;
                self.sentence(&sentence, opens, nth == 0);
            }
        }
    }

    fn sentence(&mut self, sentence: &Range<usize>, opens: bool, early: bool) {
        let words = &self.text[sentence.clone()];
        let is_class = matches!(self.entry().noun, "class" | "exception");
        if is_class && early {
            const BASES: [&str; 9] = [
                "A subclass of ",
                "Subclass of ",
                "This is a subclass of ",
                "Derived from ",
                "A concrete subclass of ",
                "Inherits from ",
                "An exception derived from ",
                "This class inherits from ",
                "This exception is derived from ",
            ];
            let base = BASES.iter().find_map(|base| words.strip_prefix(base));
            if let Some(rest) = base {
                let from = sentence.end - rest.len();
                if let Some((place, behind)) = code_at(self.text, from, sentence.end) {
                    let behind = &self.text[behind..sentence.end];
                    // A second base follows, or another way to say which.
                    let more = behind.trim_start().starts_with("and ")
                        || behind.starts_with(", ") && behind.contains('`');
                    if !more {
                        let mut fact =
                            self.fact(Relation::SubclassOf, sentence.clone(), place.clone());
                        fact.object = target(&self.text[place]);
                        self.push(fact);
                    }
                    return;
                }
            }
        }
        let generic = ["A generic version of ", "Generic version of "];
        if early && let Some(rest) = generic.iter().find_map(|form| words.strip_prefix(form)) {
            let from = sentence.end - rest.len();
            if let Some((place, behind)) = code_at(self.text, from, sentence.end)
                && self.text[behind..sentence.end].trim_end_matches('.').is_empty()
            {
                let mut fact = self.fact(Relation::GenericOf, sentence.clone(), place.clone());
                fact.object = target(&self.text[place]);
                self.push(fact);
            }
            return;
        }
        self.raises(sentence);
        if opens && !is_class {
            self.returns(sentence);
        }
        self.default(sentence);
    }

    /// `Raises :exc:`X` if …`, `:exc:`X` is raised if …`.
    fn raises(&mut self, sentence: &Range<usize>) {
        let words = &self.text[sentence.clone()];
        if !matches!(self.entry().noun, "function" | "method" | "class method" | "coroutine") {
            return;
        }
        const VERBS: [&str; 6] =
            ["Raises a ", "Raises an ", "Raises ", "Raise a ", "Raise an ", "Raise "];
        let (place, behind) = match VERBS.iter().find_map(|verb| words.strip_prefix(verb)) {
            Some(rest) => {
                let Some(found) = code_at(self.text, sentence.end - rest.len(), sentence.end)
                else {
                    return;
                };
                found
            }
            None => {
                let start =
                    ["A ", "An "].iter().find(|a| words.starts_with(**a)).map_or(0, |a| a.len());
                let Some(found) = code_at(self.text, sentence.start + start, sentence.end) else {
                    return;
                };
                let rest = &self.text[found.1..sentence.end];
                let Some(after) = rest
                    .strip_prefix(" is raised")
                    .or_else(|| rest.strip_prefix(" will be raised"))
                else {
                    return;
                };
                (found.0, sentence.end - after.len())
            }
        };
        // A paragraph that a list goes on with is no whole sentence.
        if !words.ends_with('.') {
            return;
        }
        let condition = one_line(&plain(&self.text[behind..sentence.end]));
        let condition = condition.trim_start_matches("exception ").trim_end_matches('.');
        let object = target(&self.text[place.clone()]);
        if is_condition(condition) && object.ends_with(|c: char| c.is_alphanumeric()) {
            let mut fact = self.fact(Relation::Raises, sentence.clone(), place);
            fact.object = object;
            condition.clone_into(&mut fact.qualifier);
            self.push(fact);
        }
    }

    /// `Return a :class:`X` object`.
    fn returns(&mut self, sentence: &Range<usize>) {
        let words = &self.text[sentence.clone()];
        if !matches!(self.entry().noun, "function" | "method" | "class method") {
            return;
        }
        const VERBS: [&str; 10] = [
            "Return a new ",
            "Returns a new ",
            "Return an ",
            "Return a ",
            "Returns an ",
            "Returns a ",
            "Create and return a new ",
            "Create a new ",
            "Create and return a ",
            "Return the ",
        ];
        let Some(rest) = VERBS.iter().find_map(|verb| words.strip_prefix(verb)) else { return };
        if !rest.starts_with(":class:") {
            return;
        }
        let from = sentence.end - rest.len();
        let Some((place, behind)) = code_at(self.text, from, sentence.end) else { return };
        let behind = one_line(&self.text[behind..sentence.end]);
        let whole = [" object", " instance", "object", "instance", ".", ","]
            .iter()
            .any(|next| behind.starts_with(next));
        if whole && !behind.contains(" or ") {
            let mut fact = self.fact(Relation::Returns, sentence.clone(), place.clone());
            fact.object = target(&self.text[place]);
            self.push(fact);
        }
    }

    /// `The default is X.` of an entry that is a setting.
    fn default(&mut self, sentence: &Range<usize>) {
        if self.entry().noun != "setting" {
            return;
        }
        let words = &self.text[sentence.clone()];
        let Some(rest) =
            ["The default is ", "The default value is "].iter().find_map(|f| words.strip_prefix(f))
        else {
            return;
        };
        let from = sentence.end - rest.len();
        let end = rest.find([',', '(', ';']).unwrap_or(rest.len());
        let object = rest[..end].trim().trim_end_matches('.');
        let n_words = object.split(' ').count();
        let is_value = (1..=3).contains(&n_words)
            && !matches!(object, "on" | "off" | "none" | "true" | "false" | "zero" | "empty")
            && (object.starts_with(|c: char| c.is_ascii_digit())
                || (n_words == 1 && object.len() > 2));
        if is_value {
            let place = from..from + object.len();
            let mut fact = self.fact(Relation::SettingDefault, sentence.clone(), place);
            let number = object.split(' ').next().and_then(number);
            fact.value = number.filter(|_| n_words == 1).map(Value::Number);
            self.push(fact);
        }
    }
}

/// A text with the marks of manuals spelled out as sentences; a text without any stays as it is.
pub(crate) fn rendered(text: &str) -> String {
    if !text.contains(".. ") && !text.contains(":`") && !text.contains("``") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    // Names of programs stay whole words.
    let text = &joined_names(text);
    // The entry that a line stands in: how far in it is, and what it is called.
    let mut around: Vec<(usize, String)> = Vec::new();
    // What is declared is the subject of the sentence that follows.
    let mut declared = false;
    for line in text.lines() {
        let words = line.trim();
        let indent = line.len() - line.trim_start().len();
        if !words.is_empty() {
            around.retain(|(other, _)| *other < indent);
        }
        let own = around.last().map_or("It", |(_, name)| name.as_str());
        if let Some((directive, value)) = words.strip_prefix(".. ").and_then(|w| w.split_once("::"))
        {
            let value = value.trim().trim_end_matches('.');
            let said = match directive {
                "versionadded" => format!("{own} was added in version {value}."),
                "versionchanged" => format!("{own} was changed in version {value}:"),
                "deprecated" | "deprecated-removed" => {
                    let value = value.split(' ').next().unwrap_or(value);
                    format!("{own} is deprecated since version {value}:")
                }
                "availability" => format!("{own} is available on the platforms {value}."),
                "moduleauthor" => {
                    let name = value.split('<').next().unwrap_or(value).trim();
                    format!("The author of {own} is {name}.")
                }
                "module" | "currentmodule" => {
                    around = vec![(0, format!("the module {value}"))];
                    format!("The module {value}.")
                }
                "function" | "method" | "class" | "exception" | "data" | "attribute"
                | "classmethod" | "staticmethod" | "coroutinemethod" | "coroutinefunction"
                | "decorator" | "opcode" | "envvar" | "c:function" | "c:var" | "c:macro"
                | "c:type" => {
                    let (name, said) = signature(directive, value);
                    around.push((indent, name));
                    said
                }
                _ => continue,
            };
            out.push_str("\n\n");
            declared = said.ends_with(':');
            out.push_str(&said);
            if !declared {
                out.push_str("\n\n");
            }
        } else if words.is_empty() {
            if !declared {
                out.push_str("\n\n");
            }
        } else {
            declared = false;
            out.push(' ');
            out.push_str(&plain(words).replace('`', ""));
        }
    }
    out
}

/// What a declaration is called, and the declaration as sentences.
fn signature(directive: &str, value: &str) -> (String, String) {
    let kind = directive.trim_start_matches("c:").trim_start_matches("coroutine");
    let name = value.split('(').next().unwrap_or(value);
    let name = name.rsplit([' ', '*']).next().unwrap_or(name);
    let called = format!("The {kind} {name}");
    let mut out = String::new();
    if let (Some(open), Some(close)) = (value.find('('), value.rfind(')'))
        && open < close
    {
        for (argument, place) in default_values(value, &(open + 1..close)) {
            let default = value[place].trim_matches(['\'', '"']);
            out.push_str(&format!(
                "The parameter {argument} of the {kind} {name} has the default value {default}.\n\n"
            ));
        }
    }
    out.push_str(&called);
    out.push(':');
    (called, out)
}

/// Names of programs with hyphens in place of their dots and underscores, which readers of prose take
/// for the inside of a word.
pub(crate) fn joined_names(text: &str) -> String {
    let bytes = text.as_bytes();
    let inner = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + 1);
        let letter = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let words = before.is_some_and(u8::is_ascii_alphabetic) || bytes[at] == b'_';
        words && letter(before) && letter(after)
    };
    let joined = |(at, c)| if matches!(c, '.' | '_' | '/') && inner(at) { '-' } else { c };
    text.char_indices().map(joined).collect()
}

/// A note: its directive and what stands behind.
fn note(words: &str) -> Option<(&str, &str)> {
    if let Some(rest) = words.strip_prefix(".. ") {
        let (name, value) = rest.split_once("::")?;
        let known =
            ["versionadded", "versionchanged", "deprecated", "deprecated-removed", "availability"];
        return known.contains(&name).then(|| (name, value.trim()));
    }
    // The same as web pages show it.
    let rest = words.strip_prefix("New in version ")?;
    let value = rest.trim_end_matches('.');
    version(value).map(|_| ("versionadded", rest))
}

/// Whether the words of a note of deprecation speak of the whole entry.
fn deprecates(said: &str) -> bool {
    let about_part = said.contains('*') && !said.starts_with("Use ");
    said.is_empty()
        || (!about_part && (said.starts_with("Use ") || said.contains(" instead")))
            && !said.starts_with("Passing")
            && !said.starts_with("Calling")
}

/// Whether a condition reads well behind a question: short, closed, and without words that point to
/// what stands before.
fn is_condition(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let pointing = [
        "it",
        "its",
        "this",
        "these",
        "they",
        "them",
        "those",
        "such",
        "above",
        "below",
        "following",
        "otherwise",
        "one",
        "there",
        "that",
        "latter",
        "former",
        "so",
        "same",
        "operation",
        "call",
    ];
    matches!(words[0], "if" | "when")
        && (4..=LONGEST_CONDITION).contains(&words.len())
        && !words
            .iter()
            .any(|word| pointing.contains(&word.trim_matches(|c: char| !c.is_alphanumeric())))
        && text.matches('(').count() == text.matches(')').count()
        && text.matches('`').count().is_multiple_of(2)
        && !text.contains([':', ';', '"', '|', '\\'])
        && !text.contains('*')
        && !matches!(words.last(), Some(&("but" | "and" | "or" | "the" | "a" | "of" | "to")))
        && !text.contains("Error`")
        && !text.contains(" raise")
}

/// Names of the arguments in a signature.
fn argument_names(arguments: &str) -> Vec<&str> {
    arguments
        .split([',', '(', '['])
        .map(|part| part.split(['=', ':', ']']).next().unwrap_or_default().trim())
        .map(|name| name.trim_start_matches('*'))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The place of `words` inside `range`, where it is the only one.
fn within(text: &str, range: &Range<usize>, words: &str) -> Option<Range<usize>> {
    let line = &text[range.clone()];
    let at = line.find(words)?;
    Some(range.start + at..range.start + at + words.len())
}

/// The name that a role points to, without the mark that shortens it.
fn target(words: &str) -> String {
    words.trim_start_matches(['~', '!', '.']).trim_end_matches("()").to_owned()
}

/// Ranges of runs of lines of text at the least indent of `own`, which are no directives.
fn paragraphs(text: &str, lines: &[Line], own: &[usize]) -> Vec<Range<usize>> {
    let depth =
        own.iter().map(|&at| &lines[at]).find(|line| !line.is_blank()).map_or(0, |l| l.indent);
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut last = None;
    for &at in own {
        let line = &lines[at];
        let words = text[line.range.clone()].trim();
        let is_text = !words.is_empty()
            && line.indent == depth
            && !words.starts_with("..")
            && !words.starts_with(['*', '-', '|', '+', '#', '>', '='])
            && last.is_none_or(|last| at == last + 1 || !open);
        if is_text {
            let range = line.trimmed(text);
            match out.last_mut().filter(|_| open) {
                Some(known) => known.end = range.end,
                None => out.push(range),
            }
        }
        open = is_text;
        last = Some(at);
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use sleuth_records::DocumentId;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let page = read(&Document::new(DocumentId::new("a"), "", text));
        let mut shown = String::new();
        for (nth, thing) in page.things.iter().enumerate() {
            shown += &format!("{}\n", thing.said);
            for fact in page.facts.iter().filter(|fact| fact.thing == nth) {
                let name = fact.relation.row().name;
                let qualifier = fact.qualifier.as_str();
                shown += &format!("  {name} [{qualifier}] {}\n", fact.object);
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn entries_of_directives() {
        check(
            ":mod:`lamp` --- Lamps\n=====\n\n.. module:: lamp\n\n\
             .. moduleauthor:: Ann Lee <ann@example.org>\n\n\
             **Source code:** :source:`Lib/lamp.py`\n\n\
             .. function:: open(name, mode='r', *, size=8, mark=None)\n\n   \
             Return a new :class:`Lamp` object.  Raise :exc:`LampError` if *name* is not a lamp.\n\n   \
             .. versionadded:: 3.2\n\n   \
             .. versionchanged:: 3.10\n      Added the *size* parameter.\n\n\
             .. class:: Lamp()\n\n   A lamp.\n\n   \
             .. method:: dim(by=2)\n\n      Dims it.\n\n      \
             .. deprecated:: 3.9\n         Use :func:`lamp.shade` instead.\n\n\
             .. function:: shade(lamp, *, \\\n                      by=3, how=\"soft\")\n\n   Shades it.\n\n\
             .. exception:: LampError\n\n   A subclass of :exc:`ValueError`.\n",
            &expect![[r#"
                the module `lamp`
                  module_author [] Ann Lee
                  source_file [] Lib/lamp.py
                the function `lamp.open`
                  default_of [mode] 'r'
                  default_of [size] 8
                  added_in [] 3.2
                  parameter_added_in [size] 3.10
                  returns [] Lamp
                  raises [if `name` is not a lamp] LampError
                the class `lamp.Lamp`
                the method `lamp.Lamp.dim`
                  default_of [by] 2
                  deprecated_in [] 3.9
                  replaced_by [] lamp.shade
                the function `lamp.shade`
                  default_of [by] 3
                  default_of [how] "soft"
                the exception `lamp.LampError`
                  subclass_of [] ValueError
            "#]],
        );
    }

    #[test]
    fn settings_of_web_pages() {
        check(
            "### Memory\n\nlamp_buffers (integer)\n  Sets the amount of light. The default is 128 \
             lumen (128lm), but might be less.\nlamp_mode (enum)\n  Chooses a mode. The default is \
             on.\n",
            &expect![[r#"
                the setting `lamp_buffers`
                  setting_default [] 128 lumen
                the setting `lamp_mode`
            "#]],
        );
    }

    /// A note on one argument, a name that is declared twice, a condition that points elsewhere.
    #[test]
    fn nothing_where_it_is_not_sure() {
        check(
            ".. function:: open(name, mode='r')\n              open(name)\n\n   \
             Raise :exc:`LampError` if it fails.\n\n   \
             .. versionadded:: 3.2\n      The lamp may be a stream.\n\n\
             .. data:: twice\n\n   One.\n\n   .. versionadded:: 3.1\n\n\
             .. data:: twice\n\n   Other.\n",
            &expect![[r#"
                the function `open`
            "#]],
        );
    }
}
