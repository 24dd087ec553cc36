//! What both formats come to.

use super::address::Address;
use super::expression::Expression;
use super::glob::Glob;

/// The greatest strength of a boost or a demotion; the least is 1.
pub(super) const STRONGEST: u8 = 10;

/// What a rule does with the pages that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Block,
    /// Takes away every block.
    Unblock,
    /// Takes away every block, and boosts by this strength.
    Highlight(u8),
    Boost(u8),
    Demote(u8),
}

/// Which hosts a rule is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    Any,
    Is(String),
    /// The host and those below it.
    Below(String),
}

/// One rule: an action, and what must all be true of a page for it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) line: u32,
    pub(super) action: Action,
    /// Whether it is about addresses only, whatever else it asks.
    pub(super) of_addresses: bool,
    pub(super) scheme: Option<&'static str>,
    pub(super) host: Host,
    /// Of path and query, case counting.
    pub(super) path: Option<Glob>,
    /// Of the address in lower case.
    pub(super) address: Option<Glob>,
    /// Of the title in lower case.
    pub(super) title: Option<Glob>,
    pub(super) expression: Option<Expression>,
}

impl Rule {
    /// A rule that matches every address.
    pub(super) fn new(line: u32, action: Action) -> Self {
        Self {
            line,
            action,
            of_addresses: false,
            scheme: None,
            host: Host::Any,
            path: None,
            address: None,
            title: None,
            expression: None,
        }
    }

    /// Whether it asks about titles and about nothing else: such a rule also has a say on documents
    /// without an address.
    pub(super) fn only_titles(&self) -> bool {
        !self.of_addresses
            && self.host == Host::Any
            && self.path.is_none()
            && self.address.is_none()
            && (self.title.is_some() || self.expression.is_some())
            && self.expression.as_ref().is_none_or(Expression::only_titles)
    }

    /// Whether all that it asks is true, the host excepted, which the index knows.
    pub(super) fn matches(&self, page: &Page<'_>) -> bool {
        match page.address {
            Some(address) => {
                self.scheme.is_none_or(|scheme| scheme == address.scheme)
                    && self.path.as_ref().is_none_or(|path| path.matches(&address.path))
                    && self.address.as_ref().is_none_or(|glob| glob.matches(&address.lower))
                    && self.title_and_expression_match(page)
            }
            None => self.only_titles() && self.title_and_expression_match(page),
        }
    }

    fn title_and_expression_match(&self, page: &Page<'_>) -> bool {
        self.title.as_ref().is_none_or(|glob| glob.matches(page.lower_title))
            && self
                .expression
                .as_ref()
                .is_none_or(|expression| expression.holds(page.address, page.title))
    }

    /// Texts in lower-case ASCII that stand in the address, or with `titles` in the title, of every
    /// page that it matches.
    pub(super) fn texts(&self, titles: bool) -> Vec<String> {
        let of_address = self.path.iter().chain(&self.address).filter(|_| !titles);
        let of_globs = of_address.chain(self.title.iter().filter(|_| titles));
        of_globs
            .flat_map(Glob::texts)
            .filter_map(|text| std::str::from_utf8(text).ok())
            .filter(|text| text.is_ascii())
            .map(str::to_ascii_lowercase)
            .chain(self.expression.iter().flat_map(|expression| expression.texts(titles)))
            .collect()
    }
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'p> {
    pub(super) address: Option<&'p Address>,
    pub(super) title: &'p str,
    /// The title in lower case.
    pub(super) lower_title: &'p str,
}
