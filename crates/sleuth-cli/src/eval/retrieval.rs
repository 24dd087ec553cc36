//! `sleuth eval retrieval`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sleuth_eval::report::Table;
use sleuth_eval::{Comparison, Evaluation, Measure, Resampling, compare, evaluate};
use sleuth_records::{Judgements, Run, read_judgements, read_run};

use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{count, escape};

#[derive(Debug, clap::Args)]
pub(crate) struct RetrievalArgs {
    /// Rankings in the TREC format, as `sleuth search --queries` writes them
    run: PathBuf,
    /// A second run, to be compared with the first
    second: Option<PathBuf>,
    /// Judgements: `query-id corpus-id score` with a head line, or the TREC format
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// What to measure: ndcg@K, recall@K, all@K (every relevant document in the first K), p@K,
    /// map[@K], mrr[@K]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "ndcg@10,recall@5,all@10,map,mrr",
        value_parser = measure
    )]
    measures: Vec<Measure>,
    /// Also print the values of each query
    #[arg(long)]
    per_query: bool,
    /// Seed of the randomisation test and the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0, requires = "second")]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn measure(name: &str) -> Result<Measure, String> {
    name.parse().map_err(|error: sleuth_eval::EvalError| error.to_string())
}

/// A run with what it is worth.
struct Measured<'a> {
    path: &'a Path,
    run: Run,
    evaluation: Evaluation,
}

pub(crate) fn retrieval(common: &Common, args: &RetrievalArgs) -> Result<Exit, Failure> {
    let judgements = read_judgements(&args.qrels)?;
    let first = measured(args, &args.run, &judgements)?;
    let second =
        args.second.as_deref().map(|path| measured(args, path, &judgements)).transpose()?;
    let resampling = Resampling { seed: args.seed, ..Resampling::default() };
    let comparisons = match &second {
        None => None,
        Some(second) => {
            let compared = compare(&first.evaluation, &second.evaluation, &resampling);
            Some(compared.map_err(|source| Failure::Eval {
                run: second.path.to_owned(),
                qrels: args.qrels.clone(),
                source,
            })?)
        }
    };
    let progress = Progress::new(common.quiet);
    for note in notes(&args.qrels, &judgements, &first, second.as_ref()) {
        progress.note(&format!("note: {note}"));
    }
    print(&if args.json {
        let runs: Vec<Value> =
            [Some(&first), second.as_ref()].into_iter().flatten().map(|m| m.json(args)).collect();
        let mut object = json!({
            "status": "measured",
            "qrels": args.qrels,
            "queries": first.evaluation.queries.len(),
            "without_relevant": first.evaluation.without_relevant,
            "regraded": judgements.regraded.len(),
            "runs": runs,
        });
        if let Some(comparisons) = &comparisons {
            object["comparison"] = json_of(comparisons, &resampling);
        }
        format!("{object}\n")
    } else {
        match (&second, &comparisons) {
            (Some(second), Some(comparisons)) => {
                table_of_two(&first, second, comparisons, &resampling, args.per_query)
            }
            _ => table_of_one(&first, args.per_query),
        }
    })?;
    Ok(Exit::Done)
}

fn measured<'a>(
    args: &RetrievalArgs,
    path: &'a Path,
    judgements: &Judgements,
) -> Result<Measured<'a>, Failure> {
    let run = read_run(path)?;
    let evaluation = evaluate(&judgements.qrels, &run, &args.measures).map_err(|source| {
        Failure::Eval { run: path.to_owned(), qrels: args.qrels.clone(), source }
    })?;
    Ok(Measured { path, run, evaluation })
}

/// What a reader of the numbers must know of the files.
fn notes(
    qrels: &Path,
    judgements: &Judgements,
    first: &Measured<'_>,
    second: Option<&Measured<'_>>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(pair) = judgements.regraded.first() {
        notes.push(format!(
            "`{}` has {} with two grades; the later line counts, as line {} with {} for document `{}` \
             of query `{}`, which had {}",
            qrels.display(),
            count(judgements.regraded.len() as u64, "pair"),
            pair.line,
            pair.later,
            pair.document,
            pair.query,
            pair.earlier,
        ));
    }
    let n = first.evaluation.without_relevant;
    if n > 0 {
        notes.push(format!("judged queries without a relevant document, left out: {n}"));
    }
    for measured in [Some(first), second].into_iter().flatten() {
        let (path, evaluation) = (measured.path.display(), &measured.evaluation);
        if evaluation.missing > 0 {
            notes.push(format!(
                "`{path}` has no results for {} of {}; they count as 0",
                evaluation.missing,
                count(evaluation.queries.len() as u64, "query"),
            ));
        }
        if evaluation.unjudged > 0 {
            let n = count(evaluation.unjudged as u64, "query");
            notes.push(format!("`{path}` has {n} that nobody judged, left out"));
        }
    }
    notes
}

impl Measured<'_> {
    fn json(&self, args: &RetrievalArgs) -> Value {
        let Evaluation { measures, queries, .. } = &self.evaluation;
        let object = |values: &[f64]| -> Map<String, Value> {
            measures.iter().zip(values).map(|(m, v)| (m.to_string(), json!(v))).collect()
        };
        let mut out = json!({
            "run": self.path,
            "tag": self.run.tag,
            "without_results": self.evaluation.missing,
            "unjudged": self.evaluation.unjudged,
            "mean": object(&self.evaluation.means()),
        });
        if args.per_query {
            let queries: Map<String, Value> = queries
                .iter()
                .map(|scores| (scores.query.clone(), Value::Object(object(&scores.values))))
                .collect();
            out["per_query"] = Value::Object(queries);
        }
        out
    }

    fn title(&self) -> String {
        format!("{} ({})", escape(&self.path.display().to_string()), escape(&self.run.tag))
    }
}

fn json_of(comparisons: &[Comparison], resampling: &Resampling) -> Value {
    let of = |comparison: &Comparison| {
        json!({
            "measure": comparison.measure.to_string(),
            "difference": comparison.difference,
            "interval": comparison.interval,
            "p": comparison.p,
            "wins": comparison.wins,
            "ties": comparison.ties,
            "losses": comparison.losses,
        })
    };
    json!({
        "measures": comparisons.iter().map(of).collect::<Vec<_>>(),
        "permutations": resampling.permutations,
        "samples": resampling.samples,
        "level": resampling.level,
        "seed": resampling.seed,
    })
}

fn table_of_one(measured: &Measured<'_>, per_query: bool) -> String {
    let evaluation = &measured.evaluation;
    let mut out =
        format!("run {} · {}\n", measured.title(), count(evaluation.queries.len() as u64, "query"));
    let mut table = Table::new("", 2, &["query", "measure", "value"]);
    let mut push = |query: &str, values: &[f64]| {
        for (measure, value) in evaluation.measures.iter().zip(values) {
            let value = format!("{value:.4}");
            table.rows.push(vec![escape(query), measure.to_string(), value]);
        }
    };
    if per_query {
        for scores in &evaluation.queries {
            push(&scores.query, &scores.values);
        }
    }
    push("all", &evaluation.means());
    out += &table.to_text();
    out
}

fn table_of_two(
    first: &Measured<'_>,
    second: &Measured<'_>,
    comparisons: &[Comparison],
    resampling: &Resampling,
    per_query: bool,
) -> String {
    let n = first.evaluation.queries.len();
    let mut out = format!("first {}\nsecond {}\n{n} queries\n", first.title(), second.title());
    if per_query {
        let head = ["query", "measure", "first", "second", "difference"];
        let mut table = Table::new("", 2, &head);
        for (a, b) in first.evaluation.queries.iter().zip(&second.evaluation.queries) {
            for (at, measure) in first.evaluation.measures.iter().enumerate() {
                let (a_value, b_value) = (a.values[at], b.values[at]);
                table.rows.push(vec![
                    escape(&a.query),
                    measure.to_string(),
                    format!("{a_value:.4}"),
                    format!("{b_value:.4}"),
                    format!("{:+.4}", b_value - a_value),
                ]);
            }
        }
        out += &table.to_text();
    }
    let level = format!("{:.0} % interval", resampling.level * 100.0);
    let head = ["measure", "first", "second", "difference", &level, "p", "wins", "ties", "losses"];
    let mut table = Table::new("", 1, &head);
    let means = first.evaluation.means().into_iter().zip(second.evaluation.means());
    for (comparison, (a, b)) in comparisons.iter().zip(means) {
        table.rows.push(vec![
            comparison.measure.to_string(),
            format!("{a:.4}"),
            format!("{b:.4}"),
            format!("{:+.4}", comparison.difference),
            format!("{:+.4} to {:+.4}", comparison.interval.low, comparison.interval.high),
            format!("{:.4}", comparison.p),
            comparison.wins.to_string(),
            comparison.ties.to_string(),
            comparison.losses.to_string(),
        ]);
    }
    out += &table.to_text();
    let _ = writeln!(
        out,
        "p: randomisation test, two-sided, {} permutations; interval: bootstrap, {} samples; \
         seed {}\nwins: queries where the second is better; no correction for many measures",
        resampling.permutations, resampling.samples, resampling.seed,
    );
    out
}
