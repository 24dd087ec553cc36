//! Run folders: one for each question asked, with the log of all that happened.
//!
//! ```text
//! runs/20261122T191727Z-1a2b/log.jsonl     the trajectory
//! runs/20261122T191727Z-1a2b/calls.jsonl   what store, model and clock said, for a replay
//! ```

use std::path::PathBuf;

use sleuth_agent::{CALLS, Clock as _, LOG};
use sleuth_records::Digest;

use crate::fail::Failure;
use crate::places::Places;

/// A folder made for one run.
pub(crate) struct RunFolder {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a run that starts now.
    pub(crate) fn create(places: &Places) -> Result<Self, Failure> {
        let runs = places.runs();
        let failed = |source| Failure::Folder {
            what: "the run's log",
            path: runs.clone(),
            advice: "name another folder with `--state DIR` or the variable SLEUTH_STATE",
            source,
        };
        fs_err::create_dir_all(&runs).map_err(failed)?;
        let now_ms = sleuth_agent::SystemClock.now_ms();
        for attempt in 0_u32.. {
            // Two runs of one second get different names; a clash is settled by trying again.
            let mut digest = Digest::new();
            let process = std::process::id().to_le_bytes();
            digest.field(&now_ms.to_le_bytes()).field(&process).field(&attempt.to_le_bytes());
            let id = format!("{}-{}", compact_utc(now_ms / 1000), &digest.hex()[..4]);
            let path = runs.join(&id);
            match create_private_dir(&path) {
                Ok(()) => return Ok(Self { id, path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        unreachable!("the loop ends only by returning")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    pub(crate) fn calls(&self) -> PathBuf {
        self.path.join(CALLS)
    }
}

/// Makes a folder that only its owner can look into: a recording holds whole documents.
fn create_private_dir(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// `20261122T191727Z`, from seconds since the Unix epoch. The calendar is Howard Hinnant's
/// `civil_from_days` for dates after 1970.
pub(crate) fn compact_utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::compact_utc;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(compact_utc(0), "19700101T000000Z");
        assert_eq!(compact_utc(951_782_399), "20000228T235959Z");
        assert_eq!(compact_utc(951_782_400), "20000229T000000Z");
        assert_eq!(compact_utc(1_795_375_047), "20261122T191727Z");
    }
}
