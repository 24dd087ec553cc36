//! What names mean: of elements, and of classes and ids by convention.

use super::tokens::Attributes;
use crate::decode;

/// What an element means for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of a line of text.
    Inline,
    Link,
    Break,
    /// Starts and ends a block.
    Block,
    Paragraph,
    Heading(u8),
    List,
    Item,
    Term,
    Definition,
    Pre,
    Table,
    /// `thead`, `tbody`, `tfoot`.
    Rows,
    Row,
    Cell,
    Main,
    Article,
    /// `header`, `footer`, `aside`: boilerplate outside the main content.
    Margin,
    Title,
    /// Never shown, or never content.
    Dropped,
    /// A script that holds structured data.
    Data,
    Foreign,
    Html,
    Head,
    Body,
    /// Has no content.
    Void,
}

pub(super) fn role_of(name: &str) -> Role {
    let mut lower = [0u8; 12];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return Role::Inline;
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" => Role::Link,
        b"br" => Role::Break,
        b"p" => Role::Paragraph,
        b"h1" => Role::Heading(1),
        b"h2" => Role::Heading(2),
        b"h3" => Role::Heading(3),
        b"h4" => Role::Heading(4),
        b"h5" => Role::Heading(5),
        b"h6" => Role::Heading(6),
        b"ul" | b"ol" | b"dl" | b"menu" | b"dir" => Role::List,
        b"li" => Role::Item,
        b"dt" => Role::Term,
        b"dd" => Role::Definition,
        b"pre" | b"listing" | b"xmp" => Role::Pre,
        b"table" => Role::Table,
        b"thead" | b"tbody" | b"tfoot" => Role::Rows,
        b"tr" => Role::Row,
        b"td" | b"th" => Role::Cell,
        b"main" => Role::Main,
        b"article" => Role::Article,
        b"header" | b"footer" | b"aside" => Role::Margin,
        b"title" => Role::Title,
        b"svg" | b"math" => Role::Foreign,
        b"html" => Role::Html,
        b"head" => Role::Head,
        b"body" => Role::Body,
        b"script" | b"style" | b"template" | b"noscript" | b"nav" | b"button" | b"select"
        | b"textarea" | b"datalist" | b"iframe" | b"object" | b"video" | b"audio" | b"canvas"
        | b"noembed" | b"noframes" | b"map" | b"dialog" | b"rp" => Role::Dropped,
        b"area" | b"base" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link" | b"meta"
        | b"param" | b"source" | b"track" | b"wbr" | b"frame" | b"basefont" | b"keygen" => {
            Role::Void
        }
        b"div" | b"section" | b"address" | b"blockquote" | b"center" | b"details" | b"summary"
        | b"fieldset" | b"figure" | b"figcaption" | b"form" | b"hgroup" | b"legend" | b"search"
        | b"caption" | b"optgroup" | b"option" => Role::Block,
        _ => Role::Inline,
    }
}

impl Role {
    pub(super) fn is_inline(self) -> bool {
        matches!(self, Self::Inline | Self::Link)
    }
}

/// Classes by which common generators mark what is not part of the text: controls of rustdoc and
/// mdBook, text for screen readers, permalinks.
pub(super) const UNSHOWN: &[&str] = &[
    "hideme",
    "rustdoc-breadcrumbs",
    "rightside",
    "test-arrow",
    "boring",
    "sub-heading",
    "out-of-band",
    "headerlink",
    "doc-anchor",
    "anchorjs-link",
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "screen-reader-text",
    "mw-editsection",
    "noprint",
    "skip-link",
    "skip-main-content",
    "navheader",
    "navfooter",
    "d-none",
    "print-only",
    "tooltip",
    "printonly",
];

pub(super) fn has_class(attributes: &Attributes<'_>, names: &[&str]) -> bool {
    attributes
        .class
        .is_some_and(|class| class.split_ascii_whitespace().any(|class| names.contains(&class)))
}

/// Words in `class` or `id` that name boilerplate.
const MARGINS: &[&str] = &[
    "nav",
    "navbar",
    "navigation",
    "menu",
    "sidebar",
    "footer",
    "breadcrumb",
    "breadcrumbs",
    "cookie",
    "cookies",
    "social",
    "share",
    "sharing",
    "related",
    "advert",
    "advertisement",
    "ads",
    "ad",
    "promo",
    "banner",
    "masthead",
    "toolbar",
    "pagination",
    "pager",
    "newsletter",
    "subscribe",
    "popup",
    "modal",
    "widget",
    "toc",
    "sponsor",
    "sponsored",
    "recommended",
    "signup",
    "login",
    "copyright",
    "topbar",
    "sphinxsidebar",
    "comments",
    "comment",
    "disqus",
    "consent",
    "gdpr",
];

/// Words beside one of [`MARGINS`] that name what holds the content as well.
const HOLDERS: &[&str] = &[
    "and",
    "article",
    "body",
    "container",
    "content",
    "has",
    "layout",
    "main",
    "no",
    "post",
    "with",
    "without",
    "wrapper",
];

pub(super) fn is_margin(attributes: &Attributes<'_>) -> bool {
    let among =
        |names: &[&str], word: &str| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    [attributes.class, attributes.id]
        .into_iter()
        .flatten()
        .filter(|names| names.len() < 400)
        .flat_map(str::split_ascii_whitespace)
        .any(|name| {
            let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
            words.clone().any(|word| among(MARGINS, word))
                && !words.any(|word| among(HOLDERS, word))
        })
}

/// Whether the element is hidden by its own attributes.
pub(super) fn is_unseen(attributes: &Attributes<'_>, inline: bool) -> bool {
    attributes.hidden.is_some()
        || inline && is_unspoken(attributes)
        || attributes.style.is_some_and(is_hiding)
}

/// Whether the element is kept from those who hear the page. As a whole block it is still seen:
/// pages mark all that lies below an open dialog so.
pub(super) fn is_unspoken(attributes: &Attributes<'_>) -> bool {
    attributes.aria_hidden.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Whether the element is one of those that a click unfolds, a tab or a section of an accordion, and
/// hidden in no other way than those are. `around` is what the names of the elements around it hint at.
pub(super) fn is_folded(name: &str, attributes: &Attributes<'_>, around: u32) -> bool {
    let own = hints_of(name, attributes);
    let is_panel = attributes.role.is_some_and(|role| role.trim().eq_ignore_ascii_case("tabpanel"));
    (is_panel || (own | around) & FOLDS != 0 && own & CHROME == 0)
        && attributes.style.is_none_or(|style| {
            declarations(style).all(|(property, value)| {
                matches!(property.as_str(), "display" | "visibility") || !hides(&property, &value)
            })
        })
}

/// Whether an inline style keeps its element from being seen.
fn is_hiding(style: &str) -> bool {
    declarations(style).any(|(property, value)| hides(&property, &value))
}

/// Properties and values of a style, in lower case.
fn declarations(style: &str) -> impl Iterator<Item = (String, String)> {
    let style = decode::clean(htmlize::unescape_attribute(style)).to_ascii_lowercase();
    let declaration = |declaration: &str| {
        let (property, value) = declaration.split_once(':')?;
        let value = value.trim().trim_end_matches("!important").trim();
        Some((property.trim().to_owned(), value.to_owned()))
    };
    style.split(';').filter_map(declaration).collect::<Vec<_>>().into_iter()
}

/// Whether a declaration keeps its element from being seen.
fn hides(property: &str, value: &str) -> bool {
    let number = || {
        let end = value
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
            .unwrap_or(value.len());
        value[..end].parse::<f64>().ok()
    };
    match property {
        "display" => value == "none",
        "visibility" => matches!(value, "hidden" | "collapse"),
        "opacity" => number().is_some_and(|n| n <= 0.05),
        "font-size" => {
            number().is_some_and(|n| n < if value.ends_with("em") { 0.1 } else { 2.0 })
                && !value.ends_with("rem")
                || number() == Some(0.0)
        }
        "color" => value == "transparent",
        "left" | "right" | "top" | "text-indent" | "margin-left" | "margin-top" => {
            number().is_some_and(|n| n <= -900.0)
        }
        "clip" => value.replace(' ', "").starts_with("rect(0"),
        "clip-path" => {
            value.replace(' ', "").starts_with("inset(50%")
                || value.replace(' ', "").starts_with("inset(100%")
        }
        "transform" => value.replace(' ', "").contains("scale(0)"),
        _ => false,
    }
}

/// Groups of words by which authors of pages name elements; a word's group is its place here.
const HINTS: [&[&str]; 22] = [
    &[
        "nav",
        "navbar",
        "navigation",
        "menu",
        "submenu",
        "breadcrumb",
        "breadcrumbs",
        "pager",
        "pagination",
        "toc",
        "tabs",
        "skip",
    ],
    &["header", "masthead", "topbar", "banner", "toolbar", "top"],
    &["footer", "copyright", "bottom", "legal", "disclaimer"],
    &["sidebar", "aside", "widget", "widgets", "rail", "secondary"],
    &["comment", "comments", "disqus", "respond", "reply", "replies", "commentlist"],
    &[
        "related",
        "recommended",
        "recommendations",
        "similar",
        "also",
        "upsell",
        "crosssell",
        "popular",
        "trending",
        "latest",
        "recent",
        "more",
        "next",
        "prev",
        "previous",
        "readnext",
    ],
    &["social", "share", "sharing", "follow", "sharedaddy", "addtoany"],
    &[
        "ad",
        "ads",
        "advert",
        "advertisement",
        "promo",
        "sponsor",
        "sponsored",
        "adsbygoogle",
        "affiliate",
        "promotion",
    ],
    &[
        "cookie",
        "cookies",
        "consent",
        "gdpr",
        "privacy",
        "popup",
        "modal",
        "overlay",
        "dialog",
        "drawer",
        "lightbox",
        "offcanvas",
        "tooltip",
        "notice",
        "alert",
        "toast",
    ],
    &[
        "newsletter",
        "subscribe",
        "subscription",
        "signup",
        "login",
        "form",
        "search",
        "register",
        "optin",
        "input",
        "contact",
    ],
    &["filter", "filters", "facet", "facets", "sort", "refine", "toggle", "dropdown", "select"],
    &[
        "meta",
        "author",
        "byline",
        "date",
        "time",
        "tags",
        "tag",
        "category",
        "categories",
        "bio",
        "avatar",
        "posted",
        "published",
        "taxonomy",
    ],
    &[
        "content",
        "entry",
        "story",
        "text",
        "body",
        "copy",
        "prose",
        "richtext",
        "rte",
        "article",
        "main",
        "wysiwyg",
        "markdown",
        "paragraph",
    ],
    &[
        "product",
        "products",
        "price",
        "prices",
        "specs",
        "specification",
        "specifications",
        "details",
        "detail",
        "description",
        "sku",
        "variant",
        "pdp",
        "attributes",
        "features",
    ],
    &[
        "card", "cards", "item", "items", "grid", "listing", "listings", "list", "result",
        "results", "tile", "tiles", "teaser", "loop", "feed", "archive", "excerpt", "summary",
    ],
    &[
        "thread",
        "message",
        "messages",
        "topic",
        "post",
        "posts",
        "answer",
        "answers",
        "question",
        "discussion",
        "bbcode",
        "forum",
        "postbody",
        "postcontent",
        "cooked",
    ],
    &[
        "signature",
        "sig",
        "postprofile",
        "poster",
        "username",
        "user",
        "profile",
        "member",
        "userinfo",
        "reputation",
        "votes",
        "vote",
        "likes",
        "karma",
    ],
    &["review", "reviews", "rating", "ratings", "testimonial", "testimonials", "stars", "star"],
    &[
        "cta", "button", "btn", "buttons", "hero", "carousel", "slider", "swiper", "slick",
        "slide", "gallery",
    ],
    &["faq", "faqs", "accordion", "collapse", "panel", "tab", "expand"],
    &[
        "cart", "basket", "account", "checkout", "shipping", "wishlist", "quantity", "minicart",
        "delivery", "store",
    ],
    &[
        "caption",
        "figure",
        "credit",
        "image",
        "img",
        "media",
        "photo",
        "video",
        "thumbnail",
        "thumb",
    ],
];

/// The group of [`HINTS`] that names what a click unfolds.
const FOLDS: u32 = 1 << 19;

/// The groups of [`HINTS`] that name what is no part of the text wherever it stands: menus, dialogs,
/// filters, carts.
const CHROME: u32 = 1 | 1 << 8 | 1 << 10 | 1 << 20;

/// A set of bits, one for each of the groups of [`HINTS`] that class, id or role of an element
/// belong to, and after them bits for some elements by their own name.
pub(super) fn hints_of(name: &str, attributes: &Attributes<'_>) -> u32 {
    let mut bits = 0;
    for (at, element) in
        ["nav", "header", "footer", "aside", "form", "table", "figure", "li"].iter().enumerate()
    {
        if name.eq_ignore_ascii_case(element) {
            bits |= 1 << (HINTS.len() + at);
        }
    }
    bits |= u32::from(is_unspoken(attributes)) << 30;
    for value in [attributes.class, attributes.id, attributes.role].into_iter().flatten() {
        bits |= hinted(value.get(..LONGEST_NAME).unwrap_or(value));
    }
    bits
}

/// The groups of [`HINTS`] that words of `names` belong to.
fn hinted(names: &str) -> u32 {
    words_of(names).fold(0, |bits, word| {
        let is_word = |known: &&str| known.eq_ignore_ascii_case(word);
        let groups = HINTS.iter().enumerate().filter(|(_, words)| words.iter().any(&is_word));
        groups.fold(bits, |bits, (group, _)| bits | 1 << group)
    })
}

/// Words of a name: runs of letters, parted too by a capital letter after a small one.
fn words_of(names: &str) -> impl Iterator<Item = &str> {
    let mut rest = names;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let bytes = rest.as_bytes();
        let ends = |at: &usize| {
            !bytes[*at].is_ascii_alphabetic()
                || bytes[*at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase()
        };
        let end = (1..bytes.len()).find(ends).unwrap_or(bytes.len());
        let word = &rest[..end];
        rest = &rest[end..];
        (!word.is_empty()).then_some(word)
    })
}

/// Most bytes of a class, id or role that are looked at.
const LONGEST_NAME: usize = 200;

/// Hashes of the words in class, id and role of an element.
pub(super) fn name_words(attributes: &Attributes<'_>) -> impl Iterator<Item = u32> {
    [attributes.class, attributes.id, attributes.role]
        .into_iter()
        .flatten()
        .flat_map(|value| words_of(value.get(..LONGEST_NAME).unwrap_or(value)))
        .filter(|word| (2..=20).contains(&word.len()))
        .map(hash)
}

/// FNV-1a of a word in lower case.
pub(super) fn hash(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}
