//! Addresses of the web, in the shape that rules are written for.
//!
//! Lists write scheme and host in lower case and hosts in ASCII (`xn--fsq.xn--zckzah`), as browsers show
//! addresses to extensions; addresses of documents are brought to the same shape. Letters beyond ASCII
//! are put in lower case and encoded by Punycode (RFC 3492); the further folding of UTS 46 is left out.

use std::borrow::Cow;

/// Longest host that is looked at; names on the Internet have at most 253 characters.
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
        let url = url.trim();
        let (scheme, rest) = match url.split_once("//")? {
            ("", rest) => ("https", rest),
            (scheme, rest) if scheme.eq_ignore_ascii_case("https:") => ("https", rest),
            (scheme, rest) if scheme.eq_ignore_ascii_case("http:") => ("http", rest),
            _ => return None,
        };
        let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port_at = match host_and_port.rfind(']') {
            Some(end) => host_and_port[end..].find(':').map(|at| end + at),
            None => host_and_port.find(':'),
        };
        let (host, port) = host_and_port.split_at(port_at.unwrap_or(host_and_port.len()));
        let host = ascii_host(host.trim_end_matches('.'))?;
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

/// `host` in lower case and ASCII; `None` for one that is empty or can be none.
pub(super) fn ascii_host(host: &str) -> Option<String> {
    if host.is_empty() || host.len() > LONGEST_HOST {
        return None;
    }
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    let lower = host.to_lowercase();
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
        check("http://[::1]:80/a", "http://[::1]:80/a", "[::1]", "/a");
        for none in [
            "",
            "file:///a",
            "ftp://example.org/",
            "example.org",
            "https://",
            "https:///a",
            "mailto:a@b",
        ] {
            assert_eq!(Address::of_web(none), None, "{none}");
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
