//! A command as somebody gives it: by a tenant's key alone, or by the operators' token alone.

use std::process::Output;

use serde_json::Value;

use crate::server::{Server, piperoll, run, told};

/// Somebody with one credential.
pub(super) struct Who<'a> {
    server: &'a Server,
    credential: [&'a str; 2],
}

impl<'a> Who<'a> {
    pub(super) fn tenant(server: &'a Server) -> Self {
        Self { server, credential: ["--token", &server.door().key] }
    }

    pub(super) fn operator(server: &'a Server) -> Self {
        Self { server, credential: ["--admin-token", &server.door().admin_token] }
    }

    /// Somebody who shows a token of operators that is none of the server's own.
    pub(super) const fn signed(server: &'a Server, token: &'a str) -> Self {
        Self { server, credential: ["--admin-token", token] }
    }

    pub(super) async fn ask(&self, words: &[&str]) -> Output {
        let rest = ["--url", &self.server.door().url, self.credential[0], self.credential[1]];
        run(piperoll(&[words, &rest].concat())).await
    }

    /// The answer, as programs read it.
    pub(super) async fn json(&self, words: &[&str]) -> Value {
        let output = self.ask(&[words, &["--json"]].concat()).await;
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
    /// The answer, as people read it, and what stands beside it on stderr.
    pub(super) async fn plain(&self, words: &[&str]) -> (String, String) {
        let output = self.ask(words).await;
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }

    /// What a command that fails says on stderr.
    pub(super) async fn fails(&self, words: &[&str], exit: i32) -> String {
        let output = self.ask(words).await;
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {}", told(&output));
        String::from_utf8(output.stderr).unwrap()
    }
}
