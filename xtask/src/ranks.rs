//! `bench ranks`: a quick look at rankings.
use crate::data;
use anyhow::Result;
use sleuth_index::{Parts, Query, Retriever as _, Store, build_graph};
use std::collections::HashSet;
use std::time::Instant;

pub(crate) fn bench(options: &[&str]) -> Result<()> {
    let all = [
        "hotpotqa_closed",
        "nq_closed",
        "squad_dev",
        "hotpotqa_100",
        "2wiki_101",
        "musique_100",
        "cranfield",
        "cacm",
        "medical_liveqa",
    ];
    let names: Vec<&str> = if options.is_empty() { all.to_vec() } else { options.to_vec() };
    let mut sums = [0.0f64; 2];
    for name in &names {
        let set = data::load(name)?;
        let path = set.store.path().to_owned();
        let t = Instant::now();
        let report = build_graph(&path, 2, &|_, _| (), &|| false)?;
        let took = t.elapsed();
        let store = Store::open(&path)?;
        let tuned = set.items.iter().any(|i| data::is_tuning(name, &i.id));
        print!("{name:16} {report:?} {took:.1?} ");
        for (which, parts) in [Parts::LEXICAL, Parts::ALL].into_iter().enumerate() {
            let (mut n, mut ndcg, mut r5, mut all10) = (0, 0.0, 0.0, 0.0);
            let mut times = vec![];
            for (at, item) in set.items.iter().enumerate() {
                if tuned && !data::is_tuning(name, &item.id) {
                    continue;
                }
                if *name == "squad_dev" && at % 8 != 0 {
                    continue;
                }
                let Some(rel) = set.qrels.get(&item.id) else { continue };
                let good: HashSet<&str> =
                    rel.iter().filter(|(_, g)| **g > 0).map(|(d, _)| d.as_str()).collect();
                if good.is_empty() {
                    continue;
                }
                let t = Instant::now();
                let ranking =
                    store.search(&Query { parts, ..Query::new(item.text.as_str(), 10) })?;
                times.push(t.elapsed().as_secs_f64() * 1e3);
                let ids: Vec<String> =
                    ranking.documents().into_iter().map(|d| d.as_str().to_owned()).collect();
                let gain = |d: &str| rel.get(d).copied().unwrap_or(0).max(0) as f64;
                let dcg: f64 =
                    ids.iter().enumerate().map(|(i, d)| gain(d) / (i as f64 + 2.0).log2()).sum();
                let mut ideal: Vec<f64> = rel.values().map(|g| (*g).max(0) as f64).collect();
                ideal.sort_by(|a, b| b.total_cmp(a));
                let ideal: f64 = ideal
                    .iter()
                    .take(10)
                    .enumerate()
                    .map(|(i, g)| g / (i as f64 + 2.0).log2())
                    .sum();
                n += 1;
                ndcg += dcg / ideal;
                r5 += ids.iter().take(5).filter(|d| good.contains(d.as_str())).count() as f64
                    / good.len() as f64;
                all10 += f64::from(u8::from(good.iter().all(|g| ids.iter().any(|d| d == g))));
            }
            let n = f64::from(n);
            times.sort_by(f64::total_cmp);
            sums[which] += ndcg / n;
            print!(
                "  {:.3}/{:.3}/{:.2} {:.2}ms",
                ndcg / n,
                r5 / n,
                all10 / n,
                times[times.len() / 2]
            );
        }
        println!();
    }
    println!("mean {:.4} {:.4}", sums[0] / names.len() as f64, sums[1] / names.len() as f64);
    Ok(())
}
