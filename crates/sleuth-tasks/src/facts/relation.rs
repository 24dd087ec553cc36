//! What a fact can say, and how it is asked for.
//!
//! One table row a relation: the words by which a text that says it can be told, the questions that ask for its object, the phrase that stands for its object in
//! a longer question, and, where its objects can be compared, the questions that compare them. In
//! wordings `{s}` is the subject, `{q}` the qualifier (a parameter, a census, a condition), `{a}` and
//! `{b}` two subjects, `{o}` the object, `{c}` the noun for what is sought.

/// What a subject or an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sort {
    Person,
    /// What somebody made: a film, a song, a book, a game.
    Work,
    Place,
    /// An organisation, a band, a company, a school.
    Group,
    /// A name in a program: function, class, module, option.
    Code,
    /// Anything else.
    Thing,
}

/// What the object of a relation is, which decides how an answer is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wanted {
    Person,
    Place,
    /// A person or an organisation.
    Name,
    Title,
    Date,
    Number,
    Version,
    /// A name or a literal of a program.
    Code,
    /// A path of a file.
    Path,
}

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Relation {
    BornOn,
    BornIn,
    DiedOn,
    DirectedBy,
    WrittenBy,
    ProducedBy,
    ComposedBy,
    CreatedBy,
    Starring,
    PerformedBy,
    RecordedBy,
    AuthoredBy,
    ReleasedOn,
    PublishedOn,
    PublishedBy,
    DistributedBy,
    DevelopedBy,
    DesignedBy,
    FromAlbum,
    LocatedIn,
    SeatOf,
    CapitalOf,
    Population,
    FoundedOn,
    FoundedBy,
    FormedIn,
    BasedIn,
    OwnedBy,
    NamedAfter,
    AddedIn,
    DeprecatedIn,
    DefaultOf,
    SettingDefault,
    ParameterAddedIn,
    SubclassOf,
    Raises,
    Returns,
    SourceFile,
    ModuleAuthor,
    Availability,
}

/// How two subjects are compared: the question whose answer is the lesser, and the other.
pub(crate) struct Comparing {
    pub(crate) least: &'static str,
    pub(crate) most: &'static str,
}

/// See the [module](self).
pub(crate) struct Row {
    pub(crate) relation: Relation,
    /// Name in ids and reports.
    pub(crate) name: &'static str,
    pub(crate) wanted: Wanted,
    /// Whether a subject has one object, so that a second one contradicts the first.
    pub(crate) single: bool,
    /// Beginnings of words by which a text that says it can be told, in small letters.
    pub(crate) cues: &'static [&'static str],
    /// Questions for the object, all of one meaning.
    pub(crate) ask: &'static [&'static str],
    /// What stands for the object in a longer question; empty where nothing reads well.
    pub(crate) noun: &'static str,
    /// What stands behind the noun for a subject that has the object `{o}`; empty likewise.
    pub(crate) having: &'static str,
    pub(crate) comparing: Option<Comparing>,
}

impl Relation {
    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        // The table has the order of the enumeration; a test says so.
        &ROWS[self as usize]
    }

    /// All relations.
    pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
        ROWS.iter()
    }
}

const NO_ORDER: Option<Comparing> = None;

static ROWS: [Row; 40] = [
    Row {
        relation: Relation::BornOn,
        name: "born_on",
        wanted: Wanted::Date,
        single: true,
        cues: &["born", "birth", "b."],
        ask: &["When was {s} born?", "On what date was {s} born?"],
        noun: "",
        having: "who was born in {o}",
        comparing: Some(Comparing {
            least: "Who was born first, {a} or {b}?",
            most: "Who was born later, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::BornIn,
        name: "born_in",
        wanted: Wanted::Place,
        single: true,
        cues: &["born", "birth", "native", "hometown"],
        ask: &["Where was {s} born?", "In which place was {s} born?"],
        noun: "the birthplace of {s}",
        having: "who was born in {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::DiedOn,
        name: "died_on",
        wanted: Wanted::Date,
        single: true,
        cues: &["died", "death", "dead", "killed", "executed", "assassinat", "late "],
        ask: &["When did {s} die?", "On what date did {s} die?"],
        noun: "",
        having: "who died in {o}",
        comparing: Some(Comparing {
            least: "Who died first, {a} or {b}?",
            most: "Who died later, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::DirectedBy,
        name: "directed_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["direct"],
        ask: &["Who directed {s}?", "Who is the director of {s}?"],
        noun: "the director of {s}",
        having: "directed by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::WrittenBy,
        name: "written_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["writ", "wrote", "author", "screenplay", "script", "novel by", "book by"],
        ask: &["Who wrote {s}?", "By whom was {s} written?"],
        noun: "the writer of {s}",
        having: "written by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::ProducedBy,
        name: "produced_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["produc"],
        ask: &["Who produced {s}?", "By whom was {s} produced?"],
        noun: "the producer of {s}",
        having: "produced by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::ComposedBy,
        name: "composed_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["compos", "music", "score", "soundtrack"],
        ask: &["Who composed the music of {s}?"],
        noun: "the composer of the music of {s}",
        having: "with music composed by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::CreatedBy,
        name: "created_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["creat", "develop", "conceiv"],
        ask: &["Who created {s}?"],
        noun: "the creator of {s}",
        having: "created by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::Starring,
        name: "starring",
        wanted: Wanted::Person,
        single: false,
        cues: &["star", "featur", "cast", "role", "play"],
        ask: &[],
        noun: "",
        having: "starring {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::PerformedBy,
        name: "performed_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["song", "single", "perform", "sung", "record"],
        ask: &["Who performed {s}?", "By whom is {s}?"],
        noun: "the performer of {s}",
        having: "by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::RecordedBy,
        name: "recorded_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["album", "record", "releas"],
        ask: &["By whom is {s}?", "Which artist or band released {s}?"],
        noun: "the artist or band behind {s}",
        having: "by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::AuthoredBy,
        name: "authored_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["writ", "wrote", "author", "by"],
        ask: &["Who is the author of {s}?", "Who wrote {s}?"],
        noun: "the author of {s}",
        having: "by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::ReleasedOn,
        name: "released_on",
        wanted: Wanted::Date,
        single: true,
        cues: &["releas", "premier", "debut", "air", "1", "2"],
        ask: &["When was {s} released?"],
        noun: "",
        having: "released in {o}",
        comparing: Some(Comparing {
            least: "Which was released first, {a} or {b}?",
            most: "Which was released later, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::PublishedOn,
        name: "published_on",
        wanted: Wanted::Date,
        single: true,
        cues: &["publish", "issue", "appear", "1", "2"],
        ask: &["When was {s} published?", "When was {s} first published?"],
        noun: "",
        having: "published in {o}",
        comparing: Some(Comparing {
            least: "Which was published first, {a} or {b}?",
            most: "Which was published later, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::PublishedBy,
        name: "published_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["publish"],
        ask: &["Who published {s}?", "Who is the publisher of {s}?"],
        noun: "the publisher of {s}",
        having: "published by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::DistributedBy,
        name: "distributed_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["distribut"],
        ask: &["Who distributed {s}?"],
        noun: "the distributor of {s}",
        having: "distributed by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::DevelopedBy,
        name: "developed_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["develop"],
        ask: &["Who developed {s}?", "By whom was {s} developed?"],
        noun: "the developer of {s}",
        having: "developed by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::DesignedBy,
        name: "designed_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["design", "architect"],
        ask: &["Who designed {s}?", "By whom was {s} designed?"],
        noun: "the designer of {s}",
        having: "designed by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::FromAlbum,
        name: "from_album",
        wanted: Wanted::Title,
        single: true,
        cues: &["album"],
        ask: &["On which album is {s}?", "From which album is {s}?"],
        noun: "the album that {s} is from",
        having: "from the album {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::LocatedIn,
        name: "located_in",
        wanted: Wanted::Place,
        single: true,
        cues: &["in ", "located", "situated"],
        ask: &["Where is {s} located?", "In which place is {s}?"],
        noun: "the place in which {s} is located",
        having: "in {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::SeatOf,
        name: "seat_of",
        wanted: Wanted::Place,
        single: true,
        cues: &["seat"],
        ask: &["Of which county is {s} the county seat?"],
        noun: "the county whose seat is {s}",
        having: "that is the county seat of {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::CapitalOf,
        name: "capital_of",
        wanted: Wanted::Place,
        single: true,
        cues: &["capital"],
        ask: &["Of what is {s} the capital?"],
        noun: "the territory whose capital is {s}",
        having: "that is the capital of {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::Population,
        name: "population",
        wanted: Wanted::Number,
        single: true,
        cues: &["population", "inhabitant", "people", "resident"],
        ask: &[
            "What was the population of {s} according to the {q} census?",
            "How many people lived in {s} at the {q} census?",
        ],
        noun: "",
        having: "",
        comparing: Some(Comparing {
            least: "Which had fewer inhabitants according to the {q} census, {a} or {b}?",
            most: "Which had more inhabitants according to the {q} census, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::FoundedOn,
        name: "founded_on",
        wanted: Wanted::Date,
        single: true,
        cues: &["found", "establish", "form", "start", "creat", "incorporat", "began", "1", "2"],
        ask: &["When was {s} founded?", "In which year was {s} founded?"],
        noun: "",
        having: "founded in {o}",
        comparing: Some(Comparing {
            least: "Which was founded first, {a} or {b}?",
            most: "Which was founded later, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::FoundedBy,
        name: "founded_by",
        wanted: Wanted::Person,
        single: true,
        cues: &["found", "establish", "start", "creat"],
        ask: &["Who founded {s}?", "By whom was {s} founded?"],
        noun: "the founder of {s}",
        having: "founded by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::FormedIn,
        name: "formed_in",
        wanted: Wanted::Place,
        single: true,
        cues: &["from", "form", "found", "origin", "based"],
        ask: &["From where is {s}?"],
        noun: "the place that {s} is from",
        having: "from {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::BasedIn,
        name: "based_in",
        wanted: Wanted::Place,
        single: true,
        cues: &["based", "headquarter", "located", "office"],
        ask: &["Where is {s} based?", "In which place is {s} based?"],
        noun: "the place where {s} is based",
        having: "based in {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::OwnedBy,
        name: "owned_by",
        wanted: Wanted::Name,
        single: true,
        cues: &["own", "subsidiar", "acquir"],
        ask: &["Who owns {s}?", "By whom is {s} owned?"],
        noun: "the owner of {s}",
        having: "owned by {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::NamedAfter,
        name: "named_after",
        wanted: Wanted::Name,
        single: true,
        cues: &["named", "name"],
        ask: &["After whom or what is {s} named?"],
        noun: "the namesake of {s}",
        having: "named after {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::AddedIn,
        name: "added_in",
        wanted: Wanted::Version,
        single: true,
        cues: &["versionadded", "added", "new in"],
        ask: &["In which version was {s} added?", "Since which version does {s} exist?"],
        noun: "",
        having: "added in version {o}",
        comparing: Some(Comparing {
            least: "Which was added in an earlier version, {a} or {b}?",
            most: "Which was added in a later version, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::DeprecatedIn,
        name: "deprecated_in",
        wanted: Wanted::Version,
        single: true,
        cues: &["deprecat"],
        ask: &["Since which version is {s} deprecated?", "In which version was {s} deprecated?"],
        noun: "",
        having: "deprecated since version {o}",
        comparing: Some(Comparing {
            least: "Which was deprecated in an earlier version, {a} or {b}?",
            most: "Which was deprecated in a later version, {a} or {b}?",
        }),
    },
    Row {
        relation: Relation::DefaultOf,
        name: "default_of",
        wanted: Wanted::Code,
        single: true,
        cues: &["default", "="],
        ask: &[
            "What is the default value of the parameter `{q}` of {s}?",
            "Which value does the parameter `{q}` of {s} have by default?",
        ],
        noun: "the default value of the parameter `{q}` of {s}",
        having: "whose parameter `{q}` has the default value `{o}`",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::SettingDefault,
        name: "setting_default",
        wanted: Wanted::Code,
        single: true,
        cues: &["default"],
        ask: &["What is the default value of {s}?", "Which value does {s} have by default?"],
        noun: "",
        having: "whose default value is `{o}`",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::ParameterAddedIn,
        name: "parameter_added_in",
        wanted: Wanted::Version,
        single: true,
        cues: &["versionchanged", "versionadded", "added"],
        ask: &[
            "In which version was the parameter `{q}` added to {s}?",
            "Since which version does {s} have the parameter `{q}`?",
        ],
        noun: "",
        having: "",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::SubclassOf,
        name: "subclass_of",
        wanted: Wanted::Code,
        single: true,
        cues: &["subclass", "inherit", "derive", "base"],
        ask: &["Of which class is {s} a subclass?", "From which class is {s} derived?"],
        noun: "the class that {s} is a subclass of",
        having: "that is a subclass of `{o}`",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::Raises,
        name: "raises",
        wanted: Wanted::Code,
        single: true,
        cues: &["rais"],
        ask: &["Which exception does {s} raise {q}?", "Which exception is raised by {s} {q}?"],
        noun: "the exception that {s} raises {q}",
        having: "",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::Returns,
        name: "returns",
        wanted: Wanted::Code,
        single: true,
        cues: &["return"],
        ask: &["Of which class is the object that {s} returns?"],
        noun: "the class of the object that {s} returns",
        having: "",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::SourceFile,
        name: "source_file",
        wanted: Wanted::Path,
        single: true,
        cues: &["source code"],
        ask: &["In which file is the source code of {s}?"],
        noun: "",
        having: "whose source code is in `{o}`",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::ModuleAuthor,
        name: "module_author",
        wanted: Wanted::Person,
        single: true,
        cues: &["moduleauthor", "author", "written by"],
        ask: &["Who is named as the author of {s}?"],
        noun: "the author of {s}",
        having: "whose author is {o}",
        comparing: NO_ORDER,
    },
    Row {
        relation: Relation::Availability,
        name: "availability",
        wanted: Wanted::Code,
        single: true,
        cues: &["availab"],
        ask: &["On which platforms is {s} available?"],
        noun: "",
        having: "available on {o}",
        comparing: NO_ORDER,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_order_of_the_relations() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.relation as usize, at, "{}", row.name);
            assert!(!row.cues.is_empty(), "{}", row.name);
        }
    }
}
