//! A new generation, built beside the one in force and put into its place once it has caught up.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    follow::{Adoption, BATCH_EVENTS_MAX, Folded, Source, Views, at_once, pipeline},
    store::{self, Error, Mark, Store, Writer},
};

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many events have been taken in.
    pub position: u64,
    /// How many there are.
    pub head: u64,
    /// Since it began.
    pub elapsed: Duration,
}

impl Progress {
    /// Events a second, so far.
    pub fn per_second(&self) -> u64 {
        let millis = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(self.position).saturating_mul(1_000) / millis).unwrap_or(u64::MAX)
    }

    /// How long the rest will take at that rate; none before there is one.
    pub fn remaining(&self) -> Option<Duration> {
        let rest = self.head.saturating_sub(self.position).saturating_mul(1_000);
        rest.checked_div(self.per_second()).map(Duration::from_millis)
    }
}

/// Builds the views anew where nobody else has them open, and puts them in force.
pub async fn rebuild<S: Source>(
    directory: &Path,
    source: &Arc<S>,
    progress: impl FnMut(Progress) + Send,
) -> Result<Store, Error> {
    let (number, writer) = build(directory, source, progress).await?;
    let store = store::put_in_force(directory, number, writer)?;
    store::sweep(directory, number)?;
    Ok(store)
}

impl Views {
    /// Builds the views anew beside the ones in use, and has the follower put them in force. Of two
    /// at once the second waits, then does it again. Dropping the future throws the new ones away.
    pub async fn rebuild<S: Source>(
        &self,
        source: &Arc<S>,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<(), Error> {
        let shared = self.shared();
        let _alone = shared.rebuilding.lock().await;
        let (number, writer) = build(&shared.directory, source, progress).await?;
        let unwanted = Scaffold::around(writer.path());
        let after = writer.mark().position;
        let (done, told) = oneshot::channel();
        let asked = shared.adopt.send(Adoption { number, writer, done }).await;
        asked.map_err(|_| Error::Stopped { after })?;
        // From here on it is the follower's, whether or not anybody waits for the answer.
        unwanted.keep();
        told.await.unwrap_or(Err(Error::Stopped { after }))
    }
}

/// Builds a generation up to the head.
async fn build<S: Source>(
    directory: &Path,
    source: &Arc<S>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<(u64, Writer), Error> {
    store::check_library().await?;
    let (number, path) = store::next(directory)?;
    let hash = store::hash_at(&**source, 0).await?.ok_or(Error::Gap { after: 0 })?;
    let scaffold = Scaffold::around(&path);
    let mut writer = Writer::create(&path, Mark { position: 0, hash }).await?;
    let began = Instant::now();
    let mut folded = pipeline(source.clone(), writer.mark(), BATCH_EVENTS_MAX, at_once());
    loop {
        let position = writer.mark().position;
        let failed = |error: S::Error| Error::Source { after: position, source: error.into() };
        let head = source.head().await.map_err(failed)?.position;
        progress(Progress { position, head, elapsed: began.elapsed() });
        if position >= head {
            break;
        }
        let stopped = Error::Stopped { after: position };
        let Folded { statements, mark, .. } = folded.recv().await.ok_or(stopped)??;
        writer.write(statements, mark).await?;
    }
    drop(folded);
    let writer = writer.finish().await?;
    scaffold.keep();
    Ok((number, writer))
}

/// A file that goes away unless somebody wants it.
struct Scaffold(Option<PathBuf>);

impl Scaffold {
    fn around(path: &Path) -> Self {
        Self(Some(path.to_owned()))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Scaffold {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = store::remove(path)
        {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "an unfinished generation of views stays");
        }
    }
}
