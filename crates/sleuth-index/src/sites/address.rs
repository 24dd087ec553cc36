//! Addresses of the web, in the shape that rules are written for.
//!
//! Lists write scheme and host in lower case and hosts in ASCII (`xn--fsq.xn--zckzah`), as browsers show
//! addresses to extensions; addresses of documents are brought to the same shape, and read as browsers
//! read them (the URL standard of WHATWG), so that no way of writing a host evades the rules of it:
//!
//! - tabs and ends of lines count for nothing, wherever they stand;
//! - behind `http:` and `https:` any number of slashes may stand, or none, and `\` is a slash up to the
//!   query;
//! - user and password end at the last `@` before the path;
//! - a host is percent-decoded, loses what nobody sees (a soft hyphen), is brought to NFKC and lower case,
//!   and encoded by Punycode (RFC 3492) where letters beyond ASCII are left; an IPv6 address is written in
//!   one way;
//! - the port that the scheme implies is left out.
//!
//! Departures: an address without a scheme (`//example.org`) counts as `https`; a full stop at the end of a
//! host is left out; numbers of IPv4 (`http://2130706433/`), `..` in a path and the rest of UTS 46 stay as
//! they are.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use unicode_normalization::UnicodeNormalization as _;

use super::{LOOKED_AT, head_of};

/// Longest host that is looked at, in bytes; names on the Internet have at most 253 characters.
const LONGEST_HOST: usize = 1024;

/// An address that begins with `http:` or `https:`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// All of it, with scheme and host as below.
    pub(super) whole: String,
    /// The same in lower case.
    pub(super) lower: String,
    pub(super) scheme: &'static str,
    /// In lower case and ASCII, without user, port and a full stop at its end; not empty.
    pub(super) host: String,
    /// From the `/` after the host on, with the query, without the fragment; at least `/`.
    pub(super) path: String,
}

impl Address {
    /// Reads an address; one without a scheme (`//example.org`) counts as `https`.
    pub(super) fn of_web(url: &str) -> Option<Self> {
        let Parts { scheme, host, port, after } = Parts::of(url)?;
        let scheme = scheme?;
        let after = head_of(&after, LOOKED_AT);
        let (before, fragment) = after.split_at(after.find('#').unwrap_or(after.len()));
        let slash = if before.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{before}");
        let whole = format!("{scheme}://{host}{port}{path}{fragment}");
        Some(Self { lower: whole.to_lowercase(), whole, scheme, host, path })
    }

    /// The host and every domain that it lies in, longest first, each with whether it is the host.
    pub(super) fn domains(&self) -> impl Iterator<Item = (&str, bool)> {
        let ends = self.host.match_indices('.').map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).map(|from| (&self.host[from..], from == 0))
    }
}

/// An address of whatever scheme, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// `http` or `https`; none where it is another.
    scheme: Option<&'static str>,
    /// As in [`Address`].
    pub(crate) host: String,
    /// With its `:`; empty where there is none, or the one that the scheme implies.
    port: String,
    /// What stands behind: empty, or from a `/`, `?` or `#` on.
    pub(crate) after: String,
}

impl Parts {
    /// Takes `url` apart; `None` where it names no host.
    pub(crate) fn of(url: &str) -> Option<Self> {
        const NOTHING: [char; 3] = ['\t', '\r', '\n'];
        let url: Cow<'_, str> = match url.contains(NOTHING) {
            true => url.replace(NOTHING, "").into(),
            false => url.into(),
        };
        let url = url.trim_matches(|c: char| c <= ' ' || c.is_whitespace());
        let (scheme, rest) = match url.split_once(':') {
            _ if url.starts_with("//") => (Some("https"), url),
            Some((name, rest)) if name.eq_ignore_ascii_case("https") => (Some("https"), rest),
            Some((name, rest)) if name.eq_ignore_ascii_case("http") => (Some("http"), rest),
            Some((name, rest)) if is_scheme(name) => (None, rest.strip_prefix("//")?),
            _ => return None,
        };
        let of_web = scheme.is_some();
        let rest = if of_web { rest.trim_start_matches(['/', '\\']) } else { rest };
        let ends = |c: char| matches!(c, '/' | '?' | '#') || (of_web && c == '\\');
        let (authority, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port_at = match host_and_port.rfind(']') {
            Some(end) => host_and_port[end..].find(':').map(|at| end + at),
            None => host_and_port.find(':'),
        };
        let (host, port) = host_and_port.split_at(port_at.unwrap_or(host_and_port.len()));
        let host = match host.strip_prefix('[') {
            Some(inner) => format!("[{}]", inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
            None => ascii_host(&percent_decoded(host)?)?.trim_end_matches('.').to_owned(),
        };
        if host.is_empty() {
            return None;
        }
        let mut after = after.to_owned();
        if of_web {
            let query = after.find(['?', '#']).unwrap_or(after.len());
            after = format!("{}{}", after[..query].replace('\\', "/"), &after[query..]);
        }
        Some(Self { scheme, host, port: shown_port(port, scheme)?, after })
    }
}

fn is_scheme(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The port `port` (with its `:`, or empty) as it is shown; `None` for one that can be none.
fn shown_port(port: &str, scheme: Option<&str>) -> Option<String> {
    let digits = port.strip_prefix(':').unwrap_or_default();
    if digits.is_empty() {
        return Some(String::new());
    }
    let number: u16 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    let implied = matches!((scheme, number), (Some("http"), 80) | (Some("https"), 443));
    Some(if implied { String::new() } else { format!(":{number}") })
}

/// `text` with `%41` read as `A`; `None` where that is no UTF-8.
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = text.find('%') else { return Some(text.into()) };
    let digit = |b: &u8| char::from(*b).to_digit(16).map(|digit| digit as u8);
    let (plain, mut rest) = text.as_bytes().split_at(first);
    let mut out = plain.to_vec();
    while let [byte, after @ ..] = rest {
        let pair = match after {
            [high, low, ..] if *byte == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        out.push(pair.map_or(*byte, |(high, low)| high * 16 + low));
        rest = if pair.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Whether UTS 46 leaves `c` out of a host.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{2060}' | '\u{2064}' | '\u{feff}'
        | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// `host` in lower case and ASCII; `None` for one that is empty or can be none.
pub(crate) fn ascii_host(host: &str) -> Option<String> {
    let lower: String = match host.is_ascii() {
        true => host.to_ascii_lowercase(),
        false => {
            let seen = host.chars().filter(|c| !is_unseen(*c));
            seen.nfkc().flat_map(char::to_lowercase).nfkc().collect()
        }
    };
    let is_forbidden = |c: char| c <= ' ' || c == '\u{7f}' || "#%/:<>?@[\\]^|".contains(c);
    if lower.is_empty() || lower.len() > LONGEST_HOST || lower.contains(is_forbidden) {
        return None;
    }
    if lower.is_ascii() {
        return Some(lower);
    }
    let labels: Option<Vec<Cow<'_, str>>> = lower
        .split(['.', '。', '．', '｡'])
        .map(|label| match label.is_ascii() {
            true => Some(Cow::Borrowed(label)),
            false => punycode(label).map(|code| Cow::Owned(format!("xn--{code}"))),
        })
        .collect();
    labels.map(|labels| labels.join("."))
}

/// Punycode of a label (RFC 3492, section 6.3); `None` where it overflows.
fn punycode(label: &str) -> Option<String> {
    const BASE: u32 = 36;
    const LEAST: u32 = 1;
    const MOST: u32 = 26;
    let threshold = |k: u32, bias: u32| k.saturating_sub(bias).clamp(LEAST, MOST);
    let digit = |value: u32| {
        let code = if value < 26 { value + u32::from(b'a') } else { value - 26 + u32::from(b'0') };
        char::from_u32(code)
    };
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let n_basic = u32::try_from(out.len()).ok()?;
    if n_basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    let (mut done, mut code, mut delta, mut bias) = (n_basic, 128u32, 0u32, 72u32);
    while done < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(done + 1)?)?;
        code = next;
        for c in label.chars().map(u32::from) {
            if c < code {
                delta = delta.checked_add(1)?;
            }
            if c != code {
                continue;
            }
            let mut q = delta;
            let mut k = BASE;
            while q >= threshold(k, bias) {
                let t = threshold(k, bias);
                out.push(digit(t + (q - t) % (BASE - t))?);
                q = (q - t) / (BASE - t);
                k += BASE;
            }
            out.push(digit(q)?);
            // How far the next difference is likely to be (section 6.1).
            let mut rest = if done == n_basic { delta / 700 } else { delta / 2 };
            rest += rest / (done + 1);
            let mut steps = 0;
            while rest > ((BASE - LEAST) * MOST) / 2 {
                rest /= BASE - LEAST;
                steps += BASE;
            }
            bias = steps + (BASE - LEAST + 1) * rest / (rest + 38);
            delta = 0;
            done += 1;
        }
        delta = delta.checked_add(1)?;
        code += 1;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_to_one_shape() {
        let check = |url: &str, whole: &str, host: &str, path: &str| {
            let address = Address::of_web(url).unwrap();
            assert_eq!((&*address.whole, &*address.host, &*address.path), (whole, host, path));
        };
        check(
            "HTTPS://User:pw@WWW.Example.COM.:80/A?b#c",
            "https://www.example.com:80/A?b#c",
            "www.example.com",
            "/A?b",
        );
        check("http://example.org", "http://example.org/", "example.org", "/");
        check("http://example.org?q=/", "http://example.org/?q=/", "example.org", "/?q=/");
        check(" //example.org/a ", "https://example.org/a", "example.org", "/a");
        check("http://[::1]:8080/a", "http://[::1]:8080/a", "[::1]", "/a");
        check("http://[2001:DB8:0::1]:0080", "http://[2001:db8::1]/", "[2001:db8::1]", "/");
        check("https:\\\\x.org\\a\\b?c\\d", "https://x.org/a/b?c\\d", "x.org", "/a/b?c\\d");
        for none in [
            "",
            "file:///a",
            "ftp://example.org/",
            "example.org",
            "https://",
            "https:///",
            "https:// x.org/",
            "https://a%2fb.org/",
            "https://a%ff.org/",
            "https://a.org:x/",
            "https://a.org:65536/",
            "https://[::1/",
            "https://\u{ad}/",
            "mailto:a@b",
            "example.org:80/a",
        ] {
            assert_eq!(Address::of_web(none), None, "{none}");
        }
    }

    /// Every way of writing one host that browsers take for it.
    #[test]
    fn no_way_of_writing_a_host_hides_it() {
        let long = "a".repeat(2100);
        for url in [
            &format!("https://{long}@blocked.example/x"),
            &format!("https://{long}:{long}@{long}@blocked.example/x"),
            &format!("https://blocked.example:{}443/x", "0".repeat(2100)),
            r"https:\\blocked.example\x",
            r"https:\/blocked.example/x",
            r"https://u@blocked.example\x",
            "https:/blocked.example/x",
            "https:blocked.example/x",
            "https:////blocked.example/x",
            "//blocked.example/x",
            "https://%62lock%65d.example/x",
            "https://blocked%2Eexample/x",
            "https://blo\tcked.exam\r\nple/x",
            "ht\ntps:\n//blocked.example/x",
            "\u{1}\u{0} https://blocked.example/x \u{2}",
            "https://blo\u{ad}cked.exam\u{200b}ple/x",
            "https://blo%C2%ADcked.example/x",
            "https://ｂlocked．example/x",
            "https://bloc\u{212a}ed.example。/x",
            "https://BLOCKED.example./x",
        ] {
            let address = Address::of_web(url).unwrap();
            assert_eq!(address.whole, "https://blocked.example/x", "{url}");
        }
    }

    #[test]
    fn domains_of_a_host() {
        let address = Address::of_web("https://a.b.co.uk/").unwrap();
        let domains: Vec<_> = address.domains().collect();
        assert_eq!(
            domains,
            [("a.b.co.uk", true), ("b.co.uk", false), ("co.uk", false), ("uk", false)]
        );
    }

    /// Names from the section of examples in RFC 3492, and of domains in use.
    #[test]
    fn hosts_beyond_ascii() {
        let check = |host: &str, expected: &str| {
            assert_eq!(ascii_host(host).as_deref(), Some(expected), "{host}");
        };
        check("例.テスト", "xn--fsq.xn--zckzah");
        check("Bücher.example", "xn--bcher-kva.example");
        check("münchen。de", "xn--mnchen-3ya.de");
        check("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye");
        check("правда.рф", "xn--80aafi6cg.xn--p1ai");
    }
}
