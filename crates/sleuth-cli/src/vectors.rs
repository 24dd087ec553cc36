//! The embedder of stores: the one that is installed, as the index wants it.

use std::path::Path;
use std::sync::Arc;

use sleuth_index::{
    Embedder, FillOptions, FillReport, IndexError, SourceError, Store, fill_vectors,
};
use sleuth_lm::{EmbedderOptions, KnownModel, LmError, TextEmbedder, Tier};

use crate::interrupt;
use crate::progress::Progress;
use crate::show::count;

/// A [`TextEmbedder`] behind the face that [`sleuth_index`] has for it.
pub struct InstalledEmbedder(TextEmbedder);

impl InstalledEmbedder {
    /// The embedder in the folder of models, opened; `None` where there is none.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn find(models: &Path) -> Result<Option<Self>, LmError> {
        let Some(known) = KnownModel::of_tier(Tier::Embed) else { return Ok(None) };
        let path = known.path(models);
        if !path.is_file() {
            return Ok(None);
        }
        TextEmbedder::open(&path, EmbedderOptions::default()).map(|embedder| Some(Self(embedder)))
    }
}

impl Embedder for InstalledEmbedder {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn dims(&self) -> usize {
        self.0.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, SourceError> {
        Ok(self.0.embed(texts, &|| false)?)
    }
}

/// `store` searching by its vectors, where it has some and their embedder is installed. Where it is not,
/// or is another, a person is told and the search does without.
pub(crate) fn attach(
    path: &Path,
    store: Store,
    models: &Path,
    progress: &Progress,
) -> Result<Store, IndexError> {
    if !path.join("vectors/parts.json").is_file() {
        return Ok(store);
    }
    let without = |why: &str| progress.note(&format!("searching without vectors: {why}"));
    match InstalledEmbedder::find(models) {
        Ok(Some(embedder)) => match store.with_embedder(Arc::new(embedder)) {
            Err(error @ (IndexError::OtherEmbedder { .. } | IndexError::Damaged { .. })) => {
                without(&format!(
                    "{error}; `sleuth index embed {} --replace` makes them anew",
                    path.display()
                ));
                Store::open(path)
            }
            store => {
                let store = store?;
                let coverage = store.retrieval()?.coverage;
                if coverage < 1.0 {
                    without(&format!(
                        "only {:.0} % of the passages have one; `sleuth index embed` goes on",
                        f64::from(coverage) * 100.0
                    ));
                }
                Ok(store)
            }
        },
        Ok(None) => {
            without("their embedder is not installed; `sleuth model get embed` gets it");
            Ok(store)
        }
        Err(error) => {
            without(&error.to_string());
            Ok(store)
        }
    }
}

/// Gives the passages of the store at `path` their vectors, and shows how far that is.
pub(crate) fn fill(
    path: &Path,
    embedder: &InstalledEmbedder,
    replace: bool,
    progress: &Progress,
) -> Result<FillReport, IndexError> {
    let options = FillOptions { replace, ..FillOptions::default() };
    progress.state(|| "looking for passages without a vector".to_owned());
    let told = |filled: usize, all: usize| {
        progress.state(|| format!("vectors: {filled} of {}", count(all as u64, "passage")));
    };
    let begun = std::time::Instant::now();
    let report = fill_vectors(path, embedder, &options, &told, &interrupt::asked)?;
    if report.n_computed > 0 {
        let took = crate::show::seconds(begun.elapsed().as_secs_f64());
        progress.note(&format!("{} ({took})", count(report.n_computed as u64, "vector")));
    }
    Ok(report)
}
