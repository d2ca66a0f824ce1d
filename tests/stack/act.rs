//! What a gate does with a request.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::http::Response;

/// Runs beside the two halves of a call.
pub(super) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What the gate does with one request.
#[derive(Clone)]
pub struct Act {
    pub(super) before: Vec<Hook>,
    pub(super) answer: Answer,
    pub(super) after: Vec<Hook>,
    pub(super) end: End,
}

#[derive(Clone)]
pub(super) enum Answer {
    Forward,
    Fixed(Response),
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Send,
    Lose,
    Half,
    Hang,
    Echo,
}

impl Act {
    fn of(answer: Answer, end: End) -> Self {
        Self {
            before: Vec::new(),
            answer,
            after: Vec::new(),
            end,
        }
    }

    /// The real part behind the gate answers.
    pub fn forward() -> Self {
        Self::of(Answer::Forward, End::Send)
    }

    /// The gate answers; the part behind it sees nothing.
    pub fn answer(response: Response) -> Self {
        Self::of(Answer::Fixed(response), End::Send)
    }

    /// No answer and no end: the caller's time-out decides.
    pub fn hang() -> Self {
        Self::of(Answer::Fixed(Response::default()), End::Hang)
    }

    /// The connection is closed without a byte; the part behind sees nothing.
    pub fn close() -> Self {
        Self::of(Answer::Fixed(Response::default()), End::Lose)
    }

    /// 101, and then an echo of every byte.
    pub fn upgrade() -> Self {
        let switching = Response::new(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        Self::of(Answer::Fixed(switching), End::Echo)
    }

    /// Runs before the request goes on.
    #[must_use]
    pub fn before(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.before.push(Arc::new(hook));
        self
    }

    /// Runs between the answer of the part behind and its way back.
    #[must_use]
    pub fn after(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.after.push(Arc::new(hook));
        self
    }

    /// The request waits this long.
    #[must_use]
    pub fn delayed(self, time: Duration) -> Self {
        self.before(move || thread::sleep(time))
    }

    /// The request waits until the latch opens.
    #[must_use]
    pub fn until(self, latch: &Latch) -> Self {
        let latch = latch.clone();
        self.before(move || latch.pass())
    }

    /// The part behind has answered, and nobody hears it.
    #[must_use]
    pub fn losing_the_answer(mut self) -> Self {
        self.end = End::Lose;
        self
    }

    /// The part behind has answered, and the caller waits for it in vain.
    #[must_use]
    pub fn keeping_the_answer(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    /// The connection breaks in the middle of the answer's body.
    #[must_use]
    pub fn breaking_the_answer(mut self) -> Self {
        self.end = End::Half;
        self
    }
}

/// Closed until it is opened, then open for good.
#[derive(Clone, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub fn open(&self) {
        *self.0.0.lock().expect("latch") = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().expect("latch");
        // Bounded, so that a failed test does not leave its threads behind.
        let limit = Duration::from_secs(60);
        drop(self.0.1.wait_timeout_while(open, limit, |open| !*open));
    }
}
