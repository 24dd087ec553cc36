//! Who is let in, and with how much.
//!
//! Before any route sees a request:
//!
//! 1. its `Host` must name this machine as it is known: a page of another site whose name was made to
//!    lead here (DNS rebinding) brings its own. On loopback that is `localhost`, `127.0.0.1` and
//!    `[::1]`; where the server listens wider, any address in numbers, for which nobody can make a name
//!    lead here; and what [`Options::hosts`](crate::Options::hosts) names. Else *403*;
//! 2. its `Origin`, which browsers send, must be the very address that it is sent to. Else *403*;
//! 3. it must show the token, where there is one, compared in constant time. Else *401*;
//! 4. its body must be small enough, and come soon enough. A body that is too large is read to its end
//!    where that is soon, so that the client gets to see the *413*.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use sleuth_records::sha256_hex;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::refused::Refused;

/// Bytes of a body that is too large that are read for the client's sake.
const DRAINED: usize = 64 << 20;
/// What a body counts in.
const KIB: usize = 1024;

/// See the [module](self).
pub(crate) struct Door {
    /// Digest of the token: equal lengths, and nothing of it is learned from a comparison.
    token: Option<String>,
    /// Names that the server goes by.
    hosts: Vec<String>,
    /// Whether others than this machine can reach it.
    wide: bool,
}

impl Door {
    pub(crate) fn new(token: Option<&str>, hosts: &[String], wide: bool) -> Self {
        let hosts = hosts.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
        Self { token: token.map(|token| sha256_hex(token.as_bytes())), hosts, wide }
    }

    /// Checks all but the body. Gives the host as the client named it.
    pub(crate) fn check<'a>(
        &self,
        headers: &'a HeaderMap,
        authority: Option<&'a str>,
    ) -> Result<&'a str, Refused> {
        let mut named = headers.get_all(HOST).iter();
        let host = match (authority, named.next()) {
            (Some(authority), _) => Some(authority),
            (None, Some(host)) => host.to_str().ok(),
            (None, None) => None,
        };
        let forbidden = |code, message| Refused::new(StatusCode::FORBIDDEN, code, message);
        let Some(host) = host.filter(|_| named.next().is_none()) else {
            return Err(forbidden("host", "expected one `Host`, found none or several".to_owned()));
        };
        if !self.is_ours(host) {
            return Err(forbidden("host", format!("this server does not go by the name `{host}`"))
                .hint("start it with `--host NAME` for each name that clients call it by"));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let same = origin
                .split_once("://")
                .is_some_and(|(scheme, from)| same_place(scheme, from, host));
            if !same {
                return Err(forbidden(
                    "origin",
                    format!("expected requests from `{host}` itself, found the origin `{origin}`"),
                ));
            }
        }
        self.check_token(headers)?;
        Ok(host)
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if ["localhost", "127.0.0.1", "[::1]"].contains(&name.as_str())
            || self.hosts.contains(&name)
        {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        self.wide && bare.parse::<IpAddr>().is_ok()
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(expected) = &self.token else { return Ok(()) };
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let key = || headers.get("x-api-key").and_then(|value| value.to_str().ok());
        let unauthorized =
            |message| Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
        let Some(shown) = bearer.or_else(key) else {
            return Err(unauthorized("expected a token, found none")
                .hint("send `Authorization: Bearer TOKEN`, or `X-API-Key: TOKEN`"));
        };
        let shown = sha256_hex(shown.as_bytes());
        let differs =
            shown.bytes().zip(expected.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
        if differs == 0 { Ok(()) } else { Err(unauthorized("the token is not the one expected")) }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether an origin's `from` is `host`, where either may leave out the port of its scheme.
fn same_place(scheme: &str, from: &str, host: &str) -> bool {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let strip = |place: &str| place.strip_suffix(port).unwrap_or(place).to_ascii_lowercase();
    strip(from) == strip(host)
}

/// Receives the body of `request`, as far as it may be. The permit stands for its bytes.
pub(crate) async fn receive(
    app: &Arc<App>,
    request: Request<Incoming>,
) -> Result<(Request<Body>, Option<OwnedSemaphorePermit>), Refused> {
    use hyper::body::Body as _;

    let (parts, mut body) = request.into_parts();
    if body.is_end_stream() {
        return Ok((Request::from_parts(parts, Body::empty()), None));
    }
    let most = app.limits.body;
    let told =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let too_large = || {
        let message = format!("expected a body of at most {most} bytes, found more");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    };
    let receiving = async {
        if told.is_some_and(|told: usize| told > most) {
            drain(&mut body, DRAINED).await;
            return Err(too_large());
        }
        let size = u32::try_from(told.unwrap_or(most) / KIB + 1).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&app.bodies).try_acquire_many_owned(size) else {
            drain(&mut body, most).await;
            return Err(Refused::busy());
        };
        let mut bytes = Vec::with_capacity(told.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let message = format!("the body broke off: {error}");
                Refused::new(StatusCode::BAD_REQUEST, "broken_body", message)
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                drain(&mut body, DRAINED).await;
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
        Ok((Bytes::from(bytes), permit))
    };
    let Ok(received) = tokio::time::timeout(app.limits.slowest, receiving).await else {
        let message = "the body took too long to come";
        return Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message));
    };
    let (bytes, permit) = received?;
    Ok((Request::from_parts(parts, Body::from(bytes)), Some(permit)))
}

/// Reads what is left of a body, up to `most` bytes, and forgets it.
async fn drain(body: &mut Incoming, most: usize) {
    let mut left = most;
    while let Some(Ok(frame)) = body.frame().await {
        let n = frame.data_ref().map_or(0, Bytes::len);
        if n >= left {
            return;
        }
        left -= n;
    }
}
