//! Which policy hunts, and which model it uses.
//!
//! `trail` needs no model. `chat` takes the model that is named, else the best one on the shelf; and
//! it is the default where a model is named, or where one is installed that can do the job: of the
//! tier small or above. The tiny model cannot until it is trained, so it never makes `chat` the
//! default.

use std::path::{Path, PathBuf};

use sleuth_agent::{Chat, ChatOptions, Policy, Tap, Trail};
use sleuth_lm::{
    Embedded, EmbeddedOptions, EmbedderOptions, GgufHeader, KNOWN_MODELS, KnownModel,
    LanguageModel, Listing, PriceTable, Remote, RemoteOptions, Shelf, ShelfEntry, TextEmbedder,
    Tier,
};

use crate::args::{AskArgs, Effort, PolicyName, RemoteArgs};
use crate::fail::Failure;
use crate::places::{Places, text_variable, variable};
use crate::progress::Progress;

/// Hunts of the effort `heavy`.
const HEAVY_SAMPLES: u32 = 4;

/// A model that was found but not loaded.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A GGUF file.
    File { path: PathBuf, name: String, tier: Option<Tier> },
    /// A server's model.
    Server { base: String, model: String },
}

/// The policy for `args`, with its model loaded behind `tap`.
pub(crate) fn policy(
    args: &AskArgs,
    places: &Places,
    tap: &Tap,
    progress: &Progress,
) -> Result<Box<dyn Policy>, Failure> {
    let found = hunter(args.policy, args.model.as_deref(), true, places)?;
    let Some(found) = found else { return Ok(Box::new(Trail::default())) };
    let model = tap.model(load(&found, &args.remote, progress)?);
    let options = ChatOptions { samples: samples(args.effort), ..ChatOptions::default() };
    Ok(Box::new(Chat::new(model, options)))
}

/// Independent hunts of an effort.
pub(crate) fn samples(effort: Effort) -> u32 {
    if effort == Effort::Heavy { HEAVY_SAMPLES } else { 1 }
}

/// The model of the policy `chat`, where that is to hunt; nothing for `trail`. Where nothing was asked
/// for, an installed model hunts if `installed` says so.
pub(crate) fn hunter(
    policy: Option<PolicyName>,
    model: Option<&str>,
    installed: bool,
    places: &Places,
) -> Result<Option<Found>, Failure> {
    Ok(match (policy, model) {
        (Some(PolicyName::Trail), Some(_)) => {
            return Err(Failure::usage(
                "the policy `trail` has no model",
                "leave `--model` out, or take `--policy chat`",
            ));
        }
        (Some(PolicyName::Trail), None) => None,
        (_, Some(model)) => Some(find(model, places)?),
        (Some(PolicyName::Chat), None) => Some(best(places)?.ok_or_else(|| {
            Failure::BackEnd {
            message: format!("no model is installed in `{}`", places.models.display()),
            hint: Some(
                "get one with `sleuth model get small`, or name a server with `--model URL#MODEL`"
                    .to_owned(),
            ),
        }
        })?),
        (None, None) if !installed => None,
        // A shelf that cannot be read is no reason to fail where no model was asked for.
        (None, None) => best(places).ok().flatten().filter(|found| match found {
            Found::File { tier, .. } => tier.is_some_and(|tier| tier >= Tier::Small),
            Found::Server { .. } => false,
        }),
    })
}

/// The best language model on the shelf that can be used: the highest tier, then the most parameters.
pub(crate) fn best(places: &Places) -> Result<Option<Found>, Failure> {
    let entries = Shelf::new(&places.models).list()?;
    let usable = entries.iter().filter_map(|entry| Some((entry, entry.header.as_ref().ok()?)));
    let usable = usable.filter(|(entry, _)| entry.tier != Some(Tier::Embed));
    let best = usable.max_by_key(|(entry, header)| (entry.tier, header.parameters));
    Ok(best.map(|(entry, _)| of_entry(entry)))
}

fn of_entry(entry: &ShelfEntry) -> Found {
    Found::File { path: entry.path.clone(), name: name_of(entry), tier: entry.tier }
}

/// Name of a model on the shelf for people.
pub(crate) fn name_of(entry: &ShelfEntry) -> String {
    entry.known.as_ref().map_or_else(|| stem(&entry.path), |known| known.name.to_owned())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Finds the model that a person named.
pub(crate) fn find(model: &str, places: &Places) -> Result<Found, Failure> {
    if model.starts_with("http://") || model.starts_with("https://") {
        let (base, name) = model.split_once('#').unwrap_or((model, ""));
        let name = if name.is_empty() { "default" } else { name };
        return Ok(Found::Server { base: base.to_owned(), model: name.to_owned() });
    }
    if model.ends_with(".gguf") && Path::new(model).exists() {
        let path = PathBuf::from(model);
        // A language model's tier is left to the engine; a broken file to whoever loads it.
        let tier = GgufHeader::read(&path).ok().map(|header| Tier::of_header(&header));
        let tier = tier.filter(|tier| *tier == Tier::Embed);
        return Ok(Found::File { name: stem(&path), path, tier });
    }
    let shelf = Shelf::new(&places.models);
    let entries = shelf.list()?;
    let known = known(model);
    let entry = entries.iter().find(|entry| match known {
        Some(known) => entry.path.ends_with(known.file),
        None => {
            let file = entry.path.file_name().is_some_and(|name| name == model);
            file || stem(&entry.path).eq_ignore_ascii_case(model)
        }
    });
    match (entry, known) {
        (Some(entry), _) => Ok(of_entry(entry)),
        (None, Some(known)) => Err(Failure::BackEnd {
            message: format!("the model `{}` is not installed", known.name),
            hint: Some(format!("get it with `sleuth model get {}`", known.tier.name())),
        }),
        (None, None) => {
            let installed: Vec<String> =
                entries.iter().map(|entry| format!("`{}`", stem(&entry.path))).collect();
            let installed =
                if installed.is_empty() { "none".to_owned() } else { installed.join(", ") };
            Err(Failure::usage(
                format!("no model `{model}`; installed: {installed}"),
                "name tiny, small, an installed model, a GGUF file, or a server as URL#MODEL",
            ))
        }
    }
}

fn known(model: &str) -> Option<&'static KnownModel> {
    KNOWN_MODELS.iter().find(|known| {
        let names = [known.tier.name(), known.name, known.file];
        names.iter().any(|name| name.eq_ignore_ascii_case(model))
    })
}

/// The name that its episodes have of the model that a person named, be it installed here or not.
pub(crate) fn name(model: &str, places: &Places) -> String {
    match find(model, places) {
        Ok(Found::File { name, .. }) => name,
        Ok(Found::Server { model, .. }) => model,
        Err(_) if model.ends_with(".gguf") => stem(Path::new(model)),
        Err(_) => known(model).map_or(model, |known| known.name).to_owned(),
    }
}

/// The embedder that was found, loaded; `None` where it is a language model.
pub(crate) fn embedder(found: &Found) -> Result<Option<TextEmbedder>, Failure> {
    match found {
        Found::File { path, tier: Some(Tier::Embed), .. } => {
            Ok(Some(TextEmbedder::open(path, EmbedderOptions::default())?))
        }
        Found::File { .. } | Found::Server { .. } => Ok(None),
    }
}

/// Loads a model, or makes the client of a server; nothing is sent yet.
pub(crate) fn load(
    found: &Found,
    remote: &RemoteArgs,
    progress: &Progress,
) -> Result<Box<dyn LanguageModel>, Failure> {
    match found {
        Found::File { name, tier: Some(Tier::Embed), .. } => Err(Failure::usage(
            format!("the model `{name}` turns texts into vectors and cannot be asked anything"),
            "take tiny, small, another installed model, or a server as URL#MODEL",
        )),
        Found::File { path, name, tier } => {
            progress.phase(&format!("loading the model {name}"));
            let options =
                EmbeddedOptions { name: name.clone(), tier: *tier, ..EmbeddedOptions::default() };
            Ok(Box::new(Embedded::load(path, &options)?))
        }
        Found::Server { base, model } => {
            let mut options = RemoteOptions::new(base.as_str(), model.as_str());
            // The key of one provider is not shown to another.
            options.key = text_variable("SLEUTH_API_KEY").or_else(|| {
                let theirs = base.starts_with("https://api.openai.com/");
                text_variable("OPENAI_API_KEY").filter(|_| theirs)
            });
            if let Some(listing) = listing(model, remote)? {
                options.price = listing.price;
                options.context = listing.context.unwrap_or(options.context);
            }
            Ok(Box::new(Remote::new(options)?))
        }
    }
}

/// What the price table says of a server's model.
pub(crate) fn listing(model: &str, remote: &RemoteArgs) -> Result<Option<Listing>, Failure> {
    let table = remote.prices.clone().or_else(|| variable("SLEUTH_PRICES").map(PathBuf::from));
    let Some(table) = table else { return Ok(None) };
    Ok(PriceTable::read(&table)?.find(model))
}
