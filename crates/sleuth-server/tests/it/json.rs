//! Bodies that are no JSON, or JSON that nobody expects.
//!
//! The cases follow the classes of Nicolas Seriot's JSONTestSuite: what has to be parsed (`y`), what has
//! to be refused (`n`), and what a parser may decide (`i`). Parsed and then of no dialect is *422*, refused
//! is *400*; nothing ends a connection.

use super::client::Served;

fn code(served: &Served, body: &[u8]) -> (u16, String) {
    let reply = served.send("POST", "/retrieve", &[], body);
    (reply.status, reply.code())
}

#[test]
fn what_is_json_is_parsed() {
    let served = Served::library();
    let cases: [&[u8]; 27] = [
        b"[]",
        b"[[]   ]",
        b"{}",
        b"{\"a\":\"b\",\"a\":\"c\"}",
        b"{\"\":0}",
        b"{\"foo\\u0000bar\": 42}",
        b"[123e65]",
        b"[0e+1]",
        b"[-0]",
        b"[1E-2]",
        b"[123456789012345678901234567890]",
        b"[-123123123123123123123123123123]",
        b"[\"\\u0060\\u012a\\u12AB\"]",
        b"[\"\\uD801\\udc37\"]",
        b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        b"[\"\\u0000\"]",
        "[\"\u{7f} € 𝄞 \u{10ffff} \u{2028}\"]".as_bytes(),
        b"[\"\\uFFFF\\uDBFF\\uDFFE\"]",
        b"\"\"",
        b"42",
        b"false",
        b"null",
        b"\" \"",
        b"[1,null,null,null,2]",
        b" [] ",
        b"\t\r\n{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}]}",
        b"[true]\n",
    ];
    for case in cases {
        let (status, code) = code(&served, case);
        let case = String::from_utf8_lossy(case);
        assert!(matches!(code.as_str(), "unknown_dialect" | "invalid_request"), "{case}: {code}");
        assert_eq!(status, 422, "{case}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let served = Served::library();
    let deep = |open: &str, n: usize| open.repeat(n).into_bytes();
    let mut cases: Vec<Vec<u8>> = [
        "",
        " ",
        "[1 true]",
        "[,1]",
        "[1,,2]",
        "[\"x\"",
        "[1,]",
        "[\"a\",\n4\n,1,",
        "[*]",
        "['x']",
        "{]",
        "{\"a\":\"b\"}#",
        "{\"a\" b}",
        "{:\"b\"}",
        "{\"a\" \"b\"}",
        "{\"a\":1,}",
        "{a: 1}",
        "{1:1}",
        "{\"id\":0,,,,,}",
        "[++1234]",
        "[+1]",
        "[-01]",
        "[-]",
        "[.123]",
        "[0.]",
        "[0x1]",
        "[1.]",
        "[2.e3]",
        "[Inf]",
        "[NaN]",
        "[-NaN]",
        "[Infinity]",
        "[012]",
        "[1e]",
        "[1 000.0]",
        "[\"\\x00\"]",
        "[\"\\u00A\"]",
        "[\"\\uD834\\u\"]",
        "[\"\\a\"]",
        "[\"\\",
        "[\"new\nline\"]",
        "[\"\ttab\"]",
        "[True]",
        "[nul]",
        "[tru]",
        "aå",
        "]",
        "[][]",
        "{}}",
        "{\"a\":true} \"x\"",
        "[1]x",
        "/**/[]",
        "<null>",
        "{\"a\":/*comment*/\"b\"}",
        "{\"x\": true,",
        "\u{feff}x",
        "[\u{2060}]",
        "\u{a0}[]",
    ]
    .iter()
    .map(|case| case.as_bytes().to_vec())
    .collect();
    cases.push(b"[\xff]".to_vec());
    cases.push(b"[\"\xe5\"]".to_vec());
    cases.push(b"{\"\xb9\":\"0\",}".to_vec());
    cases.push(b"[\"a\x00a\"]".to_vec());
    cases.push(b"123\x00".to_vec());
    cases.push(deep("[", 100_000));
    cases.push(deep("[{\"\":", 50_000));
    for case in cases {
        let (status, code) = code(&served, &case);
        let case = String::from_utf8_lossy(&case).chars().take(40).collect::<String>();
        assert_eq!((status, code.as_str()), (400, "invalid_json"), "{case}");
    }
}

#[test]
fn what_a_parser_may_decide_is_decided_without_harm() {
    let served = Served::library();
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let cases: [&[u8]; 9] = [
        nested.as_bytes(),
        b"[1e9999]",
        b"[-1e-9999]",
        b"[\"\\uD800\"]",
        b"{\"queries\": [\"\\uDFAA\"]}",
        b"[\"\\uD888\\u1234\"]",
        b"\xef\xbb\xbf{}",
        b"[\"\xed\xa0\x80\"]",
        b"[\xe9\"]",
    ];
    for case in cases {
        let (status, _) = code(&served, case);
        assert!(matches!(status, 400 | 422), "{status}: {}", String::from_utf8_lossy(case));
    }
}

#[test]
fn ten_megabytes_are_refused_and_the_client_is_told() {
    let served = Served::library();
    let query = "falcon ".repeat(1_500_000);
    let body = serde_json::json!({ "queries": [query] }).to_string();
    let reply = served.post("/retrieve", &body);
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"));
    // The same without a length, in chunks.
    let mut request = format!(
        "POST /retrieve HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        served.address
    )
    .into_bytes();
    for chunk in body.as_bytes().chunks(1 << 20) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let mut stream = served.connect();
    std::io::Write::write_all(&mut stream, &request).unwrap();
    let reply = super::client::Reply::read(&mut stream);
    assert_eq!((reply.status, reply.code().as_str()), (413, "body_too_large"));
}

#[test]
fn a_long_query_in_a_small_body_is_refused() {
    let served = Served::library();
    let body = serde_json::json!({ "queries": ["falcon ".repeat(10_000)] }).to_string();
    let reply = served.post("/retrieve", &body);
    assert_eq!((reply.status, reply.code().as_str()), (413, "query_too_long"));
}
