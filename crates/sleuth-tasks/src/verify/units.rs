//! Units: names, kinds, and what one of each is in the base unit of its kind.
//!
//! Factors are exact by definition (the international yard and pound of 1959, the US gallon of 231
//! cubic inches) but for a year of twelve months. Seconds to weeks are one kind, months to centuries
//! another, since no month has a fixed number of days. A name with several meanings, such as `pounds`,
//! stands in the table once for each.

/// A unit: an amount `x` of it is `x * factor + offset` in the base unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// What it measures; of money, the currency. Units of one kind convert.
    pub(super) kind: &'static str,
    /// See above.
    pub(super) factor: f64,
    /// See above.
    pub(super) offset: f64,
}

impl Unit {
    pub(super) fn to_base(self, value: f64) -> f64 {
        value * self.factor + self.offset
    }
}

/// Kind, factor, offset, and the names in any case but for those of [`is_symbol`].
type Row = (&'static str, f64, f64, &'static [&'static str]);

const INCH: f64 = 0.0254;
const FOOT: f64 = 0.3048;
const YARD: f64 = 0.9144;
const MILE: f64 = 1_609.344;
const POUND: f64 = 0.453_592_37;
const GALLON: f64 = 0.003_785_411_784;

const TABLE: &[Row] = &[
    ("length", 1e-9, 0.0, &["nm", "nanometre", "nanometres", "nanometer", "nanometers"]),
    ("length", 1e-6, 0.0, &["\u{3bc}m", "micrometre", "micrometres", "micrometers", "microns"]),
    ("length", 1e-3, 0.0, &["mm", "millimetre", "millimetres", "millimeter", "millimeters"]),
    ("length", 1e-2, 0.0, &["cm", "centimetre", "centimetres", "centimeter", "centimeters"]),
    ("length", 1.0, 0.0, &["m", "metre", "metres", "meter", "meters"]),
    ("length", 1e3, 0.0, &["km", "kilometre", "kilometres", "kilometer", "kilometers"]),
    ("length", INCH, 0.0, &["in", "inch", "inches", "\""]),
    ("length", FOOT, 0.0, &["ft", "foot", "feet", "'"]),
    ("length", YARD, 0.0, &["yd", "yds", "yard", "yards"]),
    ("length", MILE, 0.0, &["mi", "mile", "miles"]),
    ("length", 1852.0, 0.0, &["nmi", "nautical mile", "nautical miles"]),
    ("length", 9.460_730_472_580_8e15, 0.0, &["light year", "light years", "light-years"]),
    ("mass", 1e-6, 0.0, &["mg", "milligram", "milligrams"]),
    ("mass", 1e-3, 0.0, &["g", "gram", "grams", "gramme", "grammes"]),
    ("mass", 1.0, 0.0, &["kg", "kgs", "kilogram", "kilograms", "kilo", "kilos"]),
    ("mass", 1e3, 0.0, &["t", "tonne", "tonnes", "metric ton", "metric tons", "ton", "tons"]),
    ("mass", 2000.0 * POUND, 0.0, &["short ton", "short tons", "ton", "tons"]),
    ("mass", 2240.0 * POUND, 0.0, &["long ton", "long tons", "ton", "tons"]),
    ("mass", POUND, 0.0, &["lb", "lbs", "pound", "pounds"]),
    ("mass", POUND / 16.0, 0.0, &["oz", "ounce", "ounces"]),
    ("mass", POUND * 14.0, 0.0, &["st", "stone", "stones"]),
    ("time", 1e-3, 0.0, &["ms", "millisecond", "milliseconds"]),
    ("time", 1.0, 0.0, &["s", "sec", "secs", "second", "seconds"]),
    ("time", 60.0, 0.0, &["min", "mins", "minute", "minutes"]),
    ("time", 3600.0, 0.0, &["h", "hr", "hrs", "hour", "hours"]),
    ("time", 86_400.0, 0.0, &["d", "day", "days"]),
    ("time", 604_800.0, 0.0, &["week", "weeks"]),
    ("months", 1.0, 0.0, &["month", "months"]),
    ("months", 12.0, 0.0, &["yr", "yrs", "year", "years"]),
    ("months", 120.0, 0.0, &["decade", "decades"]),
    ("months", 1200.0, 0.0, &["century", "centuries"]),
    ("temperature", 1.0, 0.0, &["K", "kelvin", "kelvins"]),
    (
        "temperature",
        1.0,
        273.15,
        &["C", "\u{b0}C", "\u{b0} C", "degrees C", "degrees Celsius", "Celsius", "centigrade"],
    ),
    (
        "temperature",
        5.0 / 9.0,
        459.67 * 5.0 / 9.0,
        &["F", "\u{b0}F", "\u{b0} F", "degrees F", "degrees Fahrenheit", "Fahrenheit"],
    ),
    ("area", 1e-4, 0.0, &["cm2", "cm^2", "square centimetres", "square centimeters"]),
    (
        "area",
        1.0,
        0.0,
        &["m2", "m^2", "sq m", "square metre", "square metres", "square meter", "square meters"],
    ),
    (
        "area",
        1e6,
        0.0,
        &[
            "km2",
            "km^2",
            "sq km",
            "square km",
            "square kilometre",
            "square kilometres",
            "square kilometer",
            "square kilometers",
        ],
    ),
    ("area", 1e4, 0.0, &["ha", "hectare", "hectares"]),
    ("area", 4840.0 * YARD * YARD, 0.0, &["acre", "acres"]),
    ("area", INCH * INCH, 0.0, &["sq in", "square inch", "square inches"]),
    ("area", FOOT * FOOT, 0.0, &["sq ft", "ft2", "ft^2", "square foot", "square feet"]),
    ("area", MILE * MILE, 0.0, &["sq mi", "mi2", "mi^2", "square mile", "square miles"]),
    ("volume", 1e-6, 0.0, &["ml", "millilitre", "millilitres", "milliliter", "milliliters", "cc"]),
    ("volume", 1e-3, 0.0, &["l", "litre", "litres", "liter", "liters"]),
    (
        "volume",
        1.0,
        0.0,
        &["m3", "m^3", "cubic metre", "cubic metres", "cubic meter", "cubic meters"],
    ),
    ("volume", 1e9, 0.0, &["km3", "km^3", "cubic kilometres", "cubic kilometers"]),
    ("volume", INCH * INCH * INCH, 0.0, &["cu in", "cubic inch", "cubic inches"]),
    ("volume", FOOT * FOOT * FOOT, 0.0, &["cu ft", "cubic foot", "cubic feet"]),
    ("volume", GALLON, 0.0, &["gal", "gallon", "gallons", "US gallon", "US gallons"]),
    ("volume", 0.004_546_09, 0.0, &["gallon", "gallons", "imperial gallon", "imperial gallons"]),
    ("volume", GALLON / 4.0, 0.0, &["qt", "quart", "quarts"]),
    ("volume", GALLON / 8.0, 0.0, &["pint", "pints"]),
    ("volume", 0.004_546_09 / 8.0, 0.0, &["pint", "pints", "imperial pints"]),
    ("volume", GALLON / 128.0, 0.0, &["fl oz", "fluid ounce", "fluid ounces", "ounces"]),
    ("speed", 1.0, 0.0, &["m/s", "metres per second", "meters per second"]),
    (
        "speed",
        1e3 / 3600.0,
        0.0,
        &[
            "km/h",
            "kph",
            "kmh",
            "km per hour",
            "kilometres per hour",
            "kilometers per hour",
            "kilometres an hour",
            "kilometers an hour",
        ],
    ),
    ("speed", MILE / 3600.0, 0.0, &["mph", "mi/h", "miles per hour", "miles an hour"]),
    ("speed", 1852.0 / 3600.0, 0.0, &["kn", "knot", "knots"]),
    ("speed", FOOT, 0.0, &["ft/s", "feet per second"]),
    ("share", 0.01, 0.0, &["%", "percent", "per cent", "pct"]),
    ("USD", 1.0, 0.0, &["$", "US$", "USD", "dollar", "dollars", "US dollars", "U.S. dollars"]),
    ("USD", 0.01, 0.0, &["cent", "cents", "US cents"]),
    ("EUR", 1.0, 0.0, &["\u{20ac}", "EUR", "euro", "euros"]),
    ("EUR", 0.01, 0.0, &["cent", "cents"]),
    ("GBP", 1.0, 0.0, &["\u{a3}", "GBP", "pound", "pounds", "pounds sterling", "quid"]),
    ("GBP", 0.01, 0.0, &["pence"]),
    ("JPY", 1.0, 0.0, &["\u{a5}", "JPY", "yen"]),
    ("CNY", 1.0, 0.0, &["CNY", "RMB", "yuan", "renminbi"]),
    ("INR", 1.0, 0.0, &["\u{20b9}", "INR", "rupee", "rupees"]),
    ("RUB", 1.0, 0.0, &["\u{20bd}", "RUB", "rouble", "roubles", "ruble", "rubles"]),
    ("KRW", 1.0, 0.0, &["\u{20a9}", "KRW"]),
    ("CHF", 1.0, 0.0, &["CHF", "francs", "Swiss francs"]),
    ("FRF", 1.0, 0.0, &["FRF", "francs", "French francs"]),
    ("AUD", 1.0, 0.0, &["A$", "AU$", "AUD", "Australian dollars"]),
    ("CAD", 1.0, 0.0, &["C$", "CA$", "CAD", "Canadian dollars"]),
];

/// Whether the capitals of a name matter: `K`, `C` and `F` are degrees only so, and one or two small
/// letters are a unit only so (`5 M` is no length).
fn is_symbol(name: &str) -> bool {
    name.len() <= 2 && name.chars().all(|c| c.is_ascii_alphabetic())
}

/// The length of the longest name of a unit that `rest` begins with, after a space or hyphen, and what it
/// may mean.
pub(super) fn unit_after(rest: &str) -> Option<(usize, Vec<Unit>)> {
    let name_at = rest.trim_start_matches([' ', '-']);
    let gap = rest.len() - name_at.len();
    if gap > 1 {
        return None;
    }
    let names = TABLE.iter().flat_map(|row| row.3.iter().map(move |name| (row, *name)));
    let mut longest = 0;
    let mut found = Vec::new();
    for ((kind, factor, offset, _), name) in names {
        if name.len() < longest || !begins_with(name_at, name) || !is_meant(name, gap, name_at) {
            continue;
        }
        if name.len() > longest {
            longest = name.len();
            found.clear();
        }
        found.push(Unit { kind, factor: *factor, offset: *offset });
    }
    (longest > 0).then_some((gap + longest, found))
}

/// Whether a name that is also something else is meant as a unit: `in` unless a word follows, and quotes
/// only right after the number and not before a word.
fn is_meant(name: &str, gap: usize, rest: &str) -> bool {
    let after = &rest[name.len()..];
    match name {
        "in" => !after.starts_with(' '),
        "'" | "\"" => gap == 0 && !after.starts_with(char::is_alphabetic),
        _ => true,
    }
}

/// What a currency right before a number may be; empty where none stands there.
pub(super) fn unit_before(before: &str) -> Vec<Unit> {
    let before = before.strip_suffix(' ').unwrap_or(before);
    let before = before.strip_suffix('-').unwrap_or(before);
    let money = TABLE.iter().filter(|row| row.0.bytes().all(|b| b.is_ascii_uppercase()));
    let names = money.flat_map(|row| row.3.iter().map(move |name| (row, *name)));
    let is_sign = |name: &str| {
        name.ends_with(|c: char| !c.is_alphanumeric())
            || (name.len() == 3 && name.bytes().all(|b| b.is_ascii_uppercase()))
    };
    let ends_with = |name: &str| {
        before.strip_suffix(name).is_some_and(|rest| {
            !name.starts_with(char::is_alphanumeric) || !rest.ends_with(char::is_alphanumeric)
        })
    };
    let found = names.filter(|(_, name)| is_sign(name) && ends_with(name));
    let longest = found.max_by_key(|(_, name)| name.len());
    longest
        .map(|((kind, factor, offset, _), _)| Unit { kind, factor: *factor, offset: *offset })
        .into_iter()
        .collect()
}

fn begins_with(text: &str, name: &str) -> bool {
    let Some(start) = text.get(..name.len()) else { return false };
    let same = match is_symbol(name) {
        true => start == name,
        false => start.to_lowercase() == name.to_lowercase(),
    };
    // A name ends where a word ends; a sign ends anywhere.
    let goes_on = text[name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '^');
    let is_word = name.ends_with(char::is_alphanumeric);
    same && (!is_word || !goes_on || (is_symbol(name) && goes_on_with_digit(&text[name.len()..])))
}

/// `2h30`: a symbol may be followed by the next number.
fn goes_on_with_digit(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}
