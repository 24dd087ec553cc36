//! `bench trail`: what the policy without a model finds and answers.

use std::time::Instant;

use anyhow::Result;
use sleuth_agent::Trail;
use sleuth_index::{Query, Retriever as _};
use sleuth_records::{Finish, Question};

use crate::data::{self, Item, Set};

const STORES: [&str; 6] =
    ["2wiki_101", "hotpotqa_100", "musique_100", "hotpotqa_closed", "nq_closed", "squad_dev"];
/// Questions of `squad_dev` that are measured.
const SQUAD_SAMPLE: usize = 500;

/// Questions of one store asked over another, where hardly any has an answer.
const ELSEWHERE: [(&str, &str); 3] =
    [("nq_closed", "squad_dev"), ("squad_dev", "nq_closed"), ("hotpotqa_closed", "squad_dev")];

/// `bench elsewhere`: how often the policy says *not found* where the documents do not say it, on the
/// tuning questions with `--tuning` and on the others without.
pub(crate) fn elsewhere(options: &[&str]) -> Result<()> {
    let tuning = options.contains(&"--tuning");
    println!("| questions of | over | questions | not found there | not found at home |");
    println!("|---|---|---|---|---|");
    for (name, over) in ELSEWHERE {
        let (home, away) = (data::load(name)?, data::load(over)?);
        let items: Vec<&Item> =
            home.items.iter().filter(|item| data::is_tuning(name, &item.id) == tuning).collect();
        let items = sample(items);
        let share = |set: &Set| -> Result<f64> {
            let mut n = 0;
            for item in &items {
                let Some(question) = Question::new(&item.text) else { continue };
                let outcome = data::ask_quietly(
                    &question,
                    &mut Trail::default(),
                    &set.store,
                    &data::normal(),
                )?;
                n += usize::from(outcome.finish == Finish::NotFound);
            }
            Ok(n as f64 / items.len().max(1) as f64)
        };
        let (there, at_home) = (share(&away)?, share(&home)?);
        println!("| {name} | {over} | {} | {there:.3} | {at_home:.3} |", items.len());
    }
    Ok(())
}

/// Runs the measurement on the stores named in `options`, all by default. With `--tuning`, on the
/// tuning questions only; without, on all others.
pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let tuning = options.contains(&"--tuning");
    let named: Vec<&str> = options.iter().copied().filter(|o| !o.starts_with("--")).collect();
    let stores = if named.is_empty() { STORES.to_vec() } else { named };
    println!(
        "| store | questions | gold in BM25 top 10 | all gold in ranking | answer in ranking | exact match | F1 | not found | searches | pages | ms median | ms p95 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for name in stores {
        let set = data::load(name)?;
        let items: Vec<&Item> =
            set.items.iter().filter(|item| data::is_tuning(name, &item.id) == tuning).collect();
        if items.is_empty() {
            continue;
        }
        measure(&set, &sample(items))?;
    }
    Ok(())
}

/// At most [`SQUAD_SAMPLE`] items, spread evenly over the file.
fn sample(items: Vec<&Item>) -> Vec<&Item> {
    if items.len() <= 1000 {
        return items;
    }
    (0..SQUAD_SAMPLE).map(|i| items[i * items.len() / SQUAD_SAMPLE]).collect()
}

fn measure(set: &Set, items: &[&Item]) -> Result<()> {
    let options = data::normal();
    let mut times = Vec::new();
    let (mut n_judged, mut n_all, mut n_all_bm25) = (0, 0, 0);
    let (mut exact, mut f1, mut n_answers, mut n_not_found, mut n_held) = (0.0, 0.0, 0, 0, 0);
    let (mut searches, mut pages) = (0u64, 0u64);
    for item in items {
        let Some(question) = Question::new(&item.text) else { continue };
        let begin = Instant::now();
        let outcome = data::ask_quietly(&question, &mut Trail::default(), &set.store, &options)?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        searches += u64::from(outcome.usage.searches);
        pages += u64::from(outcome.usage.pages);
        let gold: Vec<&String> = set
            .qrels
            .get(&item.id)
            .into_iter()
            .flatten()
            .filter(|(_, grade)| **grade > 0)
            .map(|(id, _)| id)
            .collect();
        if !gold.is_empty() {
            n_judged += 1;
            let all = |ids: Vec<&str>| gold.iter().all(|id| ids.contains(&id.as_str()));
            n_all += usize::from(all(outcome.ranking.iter().map(|id| id.as_str()).collect()));
            let plain = set.store.search(&Query::lexical(item.text.as_str(), 10))?;
            n_all_bm25 +=
                usize::from(all(plain.documents().into_iter().map(|id| id.as_str()).collect()));
        }
        if !item.answers.is_empty() {
            n_answers += 1;
            let scores = data::exact_and_f1(&outcome.answer, &item.answers);
            exact += scores.0;
            f1 += scores.1;
            let mut held = false;
            for id in &outcome.ranking {
                if let Some(document) = set.store.document(id)? {
                    let text =
                        data::normalise_answer(&format!("{} {}", document.title, document.text));
                    held |= item
                        .answers
                        .iter()
                        .any(|answer| text.contains(&data::normalise_answer(answer)));
                }
            }
            n_held += usize::from(held);
        }
        n_not_found += usize::from(outcome.finish == Finish::NotFound);
    }
    times.sort_by(f64::total_cmp);
    let share = |n: usize, of: usize| {
        if of == 0 { "–".to_owned() } else { format!("{:.3}", n as f64 / of as f64) }
    };
    let n = items.len().max(1);
    println!(
        "| {} | {n} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} |",
        set.name,
        share(n_all_bm25, n_judged),
        share(n_all, n_judged),
        share(n_held, n_answers),
        if n_answers == 0 { "–".to_owned() } else { format!("{:.3}", exact / n_answers as f64) },
        if n_answers == 0 { "–".to_owned() } else { format!("{:.3}", f1 / n_answers as f64) },
        share(n_not_found, n),
        searches as f64 / n as f64,
        pages as f64 / n as f64,
        times[times.len() / 2],
        times[times.len() * 95 / 100],
    );
    Ok(())
}
