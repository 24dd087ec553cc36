//! `sleuth tasks show`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use sleuth_eval::EpisodesError;
use sleuth_eval::report::Table;
use sleuth_tasks::{Ending, Episode, Segment, Source, Task, TaskId, holds_episodes, read_episodes};

use crate::args::Common;
use crate::fail::{Exit, Failure};
use crate::print;
use crate::progress::Progress;
use crate::show::{Paint, count, one_line};
use crate::trace::show_events;

/// Characters of a question, and of an answer or a name, in a list.
const LISTED: [usize; 2] = [100, 40];
/// Ids that are named when a beginning fits several.
const NAMED: usize = 5;
/// Characters of a quote, and of what a policy or a tool said.
const SHOWN: usize = 300;

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// File of tasks, or of episodes
    file: PathBuf,
    /// Show this task, and all its episodes, in full: its id, or a beginning that no other has
    task: Option<String>,
    /// Only this rollout of each task
    #[arg(long, value_name = "N")]
    rollout: Option<u32>,
    /// Only episodes that were judged wrong
    #[arg(long)]
    wrong: bool,
}

pub(super) fn show(common: &Common, args: &ShowArgs) -> Result<Exit, Failure> {
    match holds_episodes(&args.file)? {
        true => show_episodes(common, args),
        false => show_tasks(args),
    }
}

fn show_tasks(args: &ShowArgs) -> Result<Exit, Failure> {
    if args.rollout.is_some() || args.wrong {
        return Err(Failure::usage(
            format!("`{}` holds tasks, which have no rollouts", args.file.display()),
            "`--rollout` and `--wrong` choose among episodes, which `sleuth tasks rollout` makes",
        ));
    }
    let tasks = super::read(&args.file)?;
    let Some(wanted) = &args.task else {
        let head = ["task", "split", "kind", "hops", "answer", "question"];
        return list(&head, tasks.iter().map(listed_task).collect());
    };
    let id = one_of(args, wanted, tasks.iter().map(|task| &task.id))?;
    let paint = Paint::of_stdout();
    for task in tasks.iter().filter(|task| task.id == id) {
        print(&whole_task(task, paint))?;
    }
    Ok(Exit::Done)
}

fn show_episodes(common: &Common, args: &ShowArgs) -> Result<Exit, Failure> {
    let is_chosen = |episode: &Episode| {
        let is_wrong = episode.verdict().is_some_and(|verdict| !verdict.correct);
        args.rollout.is_none_or(|rollout| rollout == episode.rollout) && (is_wrong || !args.wrong)
    };
    let mut ids: BTreeSet<TaskId> = BTreeSet::new();
    let mut listed: Vec<Vec<String>> = Vec::new();
    let torn = read_episodes(&args.file, |episode| -> Result<(), Failure> {
        if args.task.is_none() && is_chosen(&episode) {
            listed.push(listed_episode(&episode));
        }
        ids.insert(episode.task.id);
        Ok(())
    })?;
    if torn {
        Progress::new(common.quiet).note("note: the last line is cut, and left out");
    }
    if ids.is_empty() {
        return Err(EpisodesError::Empty { path: args.file.clone() }.into());
    }
    let none = || {
        Failure::input(
            format!("no episode in `{}` that these flags choose", args.file.display()),
            "without `--wrong` and `--rollout` all are shown",
        )
    };
    let Some(wanted) = &args.task else {
        if listed.is_empty() {
            return Err(none());
        }
        let head =
            ["task", "rollout", "verdict", "reward", "searches", "pages", "answer", "question"];
        return list(&head, listed);
    };
    let id = one_of(args, wanted, ids.iter())?;
    let paint = Paint::of_stdout();
    let mut shown = 0;
    read_episodes(&args.file, |episode| -> Result<(), Failure> {
        if episode.task.id == id && is_chosen(&episode) {
            shown += 1;
            print(&whole_episode(&episode, paint))?;
        }
        Ok(())
    })?;
    if shown == 0 { Err(none()) } else { Ok(Exit::Done) }
}

/// The id that `wanted` is, or the only one that begins so.
fn one_of<'a>(
    args: &ShowArgs,
    wanted: &str,
    ids: impl Iterator<Item = &'a TaskId>,
) -> Result<TaskId, Failure> {
    let mut fitting: Vec<&TaskId> = ids.filter(|id| id.0.starts_with(wanted)).collect();
    if let Some(same) = fitting.iter().find(|id| id.0 == wanted) {
        return Ok((*same).clone());
    }
    fitting.sort();
    match fitting.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failure::input(
            format!("no task in `{}` whose id begins with `{wanted}`", args.file.display()),
            format!("`sleuth tasks show {}` lists all", args.file.display()),
        )),
        several => {
            let named: Vec<&str> = several.iter().take(NAMED).map(|id| id.0.as_str()).collect();
            Err(Failure::usage(
                format!("the ids of {} tasks begin with `{wanted}`", several.len()),
                format!("name one of them, such as {}", named.join(", ")),
            ))
        }
    }
}

fn list(head: &[&str], rows: Vec<Vec<String>>) -> Result<Exit, Failure> {
    let mut table = Table::new("", head.len(), head);
    table.rows = rows;
    print(&table.to_text())?;
    Ok(Exit::Done)
}

fn listed_task(task: &Task) -> Vec<String> {
    vec![
        one_line(&task.id.0, LISTED[1]),
        task.split.to_string(),
        task.kind.to_string(),
        task.hops.to_string(),
        one_line(&gold(task), LISTED[1]),
        one_line(task.question.as_str(), LISTED[0]),
    ]
}

fn listed_episode(episode: &Episode) -> Vec<String> {
    let (verdict, reward) = match &episode.ending {
        Ending::Scored { verdict, reward } => (
            if verdict.correct { "right".to_owned() } else { "wrong".to_owned() },
            format!("{:.3}", reward.total),
        ),
        Ending::Failed { boundary, .. } => (format!("error: {boundary}"), "–".to_owned()),
    };
    vec![
        one_line(&episode.task.id.0, LISTED[1]),
        episode.rollout.to_string(),
        verdict,
        reward,
        episode.attempt.searches.len().to_string(),
        episode.attempt.opened.len().to_string(),
        one_line(&answered(episode), LISTED[1]),
        one_line(episode.task.question.as_str(), LISTED[0]),
    ]
}

/// The right answer as the source writes it.
fn gold(task: &Task) -> String {
    match task.gold_answers.first() {
        Some(gold) => gold.clone(),
        None if task.is_unanswerable() => "not found".to_owned(),
        None => "–".to_owned(),
    }
}

fn answered(episode: &Episode) -> String {
    let attempt = &episode.attempt;
    match attempt.answer.as_str() {
        "" if attempt.not_found => "not found".to_owned(),
        "" => "–".to_owned(),
        answer => answer.to_owned(),
    }
}

fn whole_task(task: &Task, paint: Paint) -> String {
    let mut text = format!("task       {}\n", one_line(&task.id.0, SHOWN));
    let mut line = |name: &str, said: &str| {
        let _ = writeln!(text, "{name:<11}{}", one_line(said, 2000));
    };
    line("question", task.question.as_str());
    match task.gold_answers.as_slice() {
        [] => line("answer", &gold(task)),
        [first, aliases @ ..] => {
            line("answer", first);
            if !aliases.is_empty() {
                line("also right", &aliases.join(" | "));
            }
        }
    }
    // Told as its file writes it.
    line("verifier", &serde_json::to_string(&task.verifier).unwrap_or_default());
    let difficulty = task.difficulty.map_or(String::new(), |known| format!(", difficulty {known}"));
    let hops = match task.hops {
        0 => String::new(),
        hops => format!(", {} to read", count(hops, "document")),
    };
    line("kind", &format!("{}{hops}{difficulty}", task.kind));
    line("split", &task.split.to_string());
    let made = &task.provenance;
    let seed = made.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    let by = made.reworded_by.as_ref().map_or(String::new(), |model| format!(", words by {model}"));
    line("made", &format!("{} from {}{seed}{by}", made.recipe, made.source));
    if let Some(store) = &task.store {
        line("snapshot", store);
    }
    for (nth, step) in task.steps.iter().enumerate() {
        line(&format!("hop {}", nth + 1), &format!("{} → {}", step.question, step.answer));
    }
    for evidence in &task.evidence {
        let id = one_line(evidence.document.as_str(), SHOWN);
        let quote = match evidence.quote.as_str() {
            "" => String::new(),
            quote => format!(" “{}”", one_line(quote, SHOWN)),
        };
        let _ = writeln!(text, "evidence   {}{quote}", paint.dim(&id));
    }
    text + "\n"
}

fn whole_episode(episode: &Episode, paint: Paint) -> String {
    let mut text = whole_task(&episode.task, paint);
    let model = episode.model.as_ref().map_or(String::new(), |model| format!(" with {model}"));
    let by = format!("{}{model}, seed {}", episode.policy, episode.seed);
    let _ = writeln!(text, "rollout    {} by {}", episode.rollout, one_line(&by, SHOWN));
    text += &if episode.events.is_empty() {
        transcript(&episode.transcript, paint)
    } else {
        show_events(&episode.events, paint)
    };
    match &episode.ending {
        Ending::Scored { verdict, reward } => {
            let right = if verdict.correct { "right" } else { "wrong" };
            let _ = writeln!(
                text,
                "\nverdict    {}: {}",
                paint.bold(right),
                one_line(&verdict.reason, SHOWN)
            );
            let parts: Vec<String> = reward
                .parts
                .iter()
                .map(|part| {
                    format!("{} {} × {}", one_line(&part.name, SHOWN), part.value, part.weight)
                })
                .collect();
            let _ = writeln!(text, "reward     {:.3} = {}", reward.total, parts.join(" + "));
        }
        Ending::Failed { boundary, message } => {
            let message = one_line(message, SHOWN);
            let _ = writeln!(text, "\nerror      of the {boundary}, so no reward: {message}");
        }
    }
    text + "\n"
}

/// What was written, where the policy lives in another program and no events are known.
fn transcript(segments: &[Segment], paint: Paint) -> String {
    let mut text = String::new();
    for Segment { source, text: said, .. } in segments {
        let mark = match source {
            Source::Prompt => "  ",
            Source::Sampled => "→ ",
            Source::Tool => "← ",
        };
        let said = one_line(said, SHOWN);
        let said = if *source == Source::Sampled { paint.bold(&said) } else { said };
        let _ = writeln!(text, "           {mark}{said}");
    }
    text
}
