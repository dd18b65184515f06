//! What runs to its end once it has begun, even if nobody waits for it any more.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work that whoever waits does himself. What is left when he goes away is done on a task; that costs
/// those who stay no change of tasks.
pub(super) struct ToItsEnd<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> ToItsEnd<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Whoever asks again after the end hears nothing.
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        // Without a runtime the process is at its end, and the next start puts everything in order.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_finished_all_the_same() {
        let (go_on, gone_on) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let mut work = ToItsEnd::new(async move {
            gone_on.await.unwrap();
            end.send(7).unwrap();
        });
        assert_eq!((&mut work).now_or_never(), None);
        drop(work);
        go_on.send(()).unwrap();
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn whoever_waits_hears_how_it_ended() {
        assert_eq!(ToItsEnd::new(async { 7 }).await, 7);
    }
}
