//! A small library of invented things, so that no model and no reader knows the answers.
//!
//! The trail of three hops: *The Glass Harbour* → its author Mirela Tonkova → her birthplace
//! Varnograd → the river Selm.

use sleuth_records::{Document, DocumentId};

const LIBRARY: &[(&str, &str, &str)] = &[
    (
        "glass-harbour",
        "The Glass Harbour",
        "The Glass Harbour is a novel of 1911 by Mirela Tonkova. It tells of a lighthouse keeper \
who collects the letters of drowned sailors.",
    ),
    (
        "tonkova",
        "Mirela Tonkova",
        "Mirela Tonkova (3 May 1874 – 9 October 1939) was a novelist. She was born in Varnograd, \
where her father built organs. She wrote twelve books.",
    ),
    (
        "varnograd",
        "Varnograd",
        "Varnograd is a port of forty thousand people. It lies on the river Selm. Its cathedral was \
finished in 1702.",
    ),
    (
        "selm",
        "Selm",
        "The Selm rises in the Okrin Hills and is 310 kilometres long. It is frozen from December \
to March.",
    ),
    (
        "salt-road",
        "The Salt Road",
        "The Salt Road is a novel of 1923 by Anton Brezik. A caravan loses its way in a desert \
without stars.",
    ),
    (
        "brezik",
        "Anton Brezik",
        "Anton Brezik (17 July 1889 – 2 January 1951) was a novelist and surveyor. He was born in \
Okrin Mill.",
    ),
    (
        "okrin",
        "Okrin Hills",
        "The Okrin Hills are a range of chalk hills. Their highest point is Grey Top at 812 metres.",
    ),
    (
        "lamp-oil",
        "Lamp oil",
        "Lamp oil was pressed from rape seed until paraffin replaced it. A lighthouse burned nine \
litres in a night.",
    ),
    (
        "organ",
        "Pipe organ",
        "A pipe organ makes sound by driving air through pipes. The largest has more than thirty \
thousand pipes.",
    ),
    (
        "kestrel",
        "Kestrel",
        "The kestrel is a small falcon that hovers over open fields while it looks for voles.",
    ),
];

/// Ten documents with titles.
pub fn library() -> Vec<Document> {
    let document =
        |(id, title, text): &(&str, &str, &str)| Document::new(DocumentId::new(*id), *title, *text);
    LIBRARY.iter().map(document).collect()
}

/// The same documents without titles: only their words tell what they are about.
pub fn untitled() -> Vec<Document> {
    let strip = |mut document: Document| {
        document.title.clear();
        document
    };
    library().into_iter().map(strip).collect()
}

/// Documents in Chinese.
pub fn chinese_library() -> Vec<Document> {
    let document =
        |id: &str, title: &str, text: &str| Document::new(DocumentId::new(id), title, text);
    vec![
        document(
            "玻璃港",
            "玻璃港",
            "《玻璃港》是林海燕在1911年出版的长篇小说。小说讲述一位灯塔看守人收集遇难水手的信件。",
        ),
        document(
            "林海燕",
            "林海燕",
            "林海燕（1874年—1939年）是一位小说家。她出生于青石镇，父亲是琴匠。",
        ),
        document(
            "青石镇",
            "青石镇",
            "青石镇是一座港口小镇，人口四万，位于沙河边。镇上的教堂建成于1702年。",
        ),
        document("红隼", "红隼", "红隼是一种小型猛禽，常在田野上空悬停，寻找田鼠。"),
    ]
}
