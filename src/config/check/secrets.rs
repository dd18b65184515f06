//! Whether the secrets are long enough for production, and each other than the others.

use piperoll_domain::roll::Environment;

use crate::{
    config::{Config, Problem, names::SECRETS},
    secret::{LENGTH_LEAST, Secret, Secrets},
};

pub(super) fn check(config: &Config, problems: &mut Vec<Problem>) {
    let mut several = vec![
        ("admin.token", config.admin.tokens()),
        ("keyring.master_key", config.keyring.master_keys()),
        ("l402.secret", config.l402.secrets()),
        ("connection.webhook_secret", config.connection.webhook_secrets()),
    ];
    let tokens =
        [("internal_jwt.secret", &config.internal_jwt), ("admin_jwt.secret", &config.admin_jwt)];
    several.extend(tokens.into_iter().filter_map(|(key, jwt)| Some((key, jwt.secrets()?))));
    for (key, secrets) in &several {
        rotated(key, secrets, problems);
    }
    if config.env == Environment::Production {
        let mut all: Vec<_> =
            several.iter().flat_map(|(key, secrets)| each(key, secrets)).collect();
        let single =
            [("metrics.token", &config.metrics.token), ("connection.key", &config.connection.key)];
        all.extend(
            single
                .into_iter()
                .filter_map(|(key, secret)| secret.as_ref().map(|secret| (key.to_owned(), secret))),
        );
        long_enough(&all, problems);
        different(&all, problems);
    }
}

fn each<'a>(key: &str, secrets: &'a Secrets) -> Vec<(String, &'a Secret)> {
    let previous = secrets.previous.iter().map(|secret| (format!("{key}_previous"), secret));
    [(key.to_owned(), &secrets.current)].into_iter().chain(previous).collect()
}

/// A rotation that changed nothing protects nobody.
fn rotated(key: &str, secrets: &Secrets, problems: &mut Vec<Problem>) {
    if secrets.previous.contains(&secrets.current) {
        let problem = format!("holds {key} itself");
        let hint = "list only secrets on their way out";
        problems.push(Problem::new(format!("{key}_previous"), problem, hint));
    }
}

fn long_enough(all: &[(String, &Secret)], problems: &mut Vec<Problem>) {
    for (key, secret) in all {
        let ours = SECRETS.iter().any(|name| name.key == key && name.ours);
        if ours && secret.is_short() {
            let problem = format!("is shorter than {LENGTH_LEAST} bytes");
            problems.push(Problem::new(key, problem, "make one: openssl rand -hex 32"));
        }
    }
}

/// Who learns one of them must not have learnt another.
fn different(all: &[(String, &Secret)], problems: &mut Vec<Problem>) {
    for (index, (key, secret)) in all.iter().enumerate() {
        let others = all.iter().take(index);
        let purpose = |key: &str| key.trim_end_matches("_previous").to_owned();
        let same = others
            .filter(|(other, _)| purpose(other) != purpose(key))
            .find(|(_, other)| other == secret);
        if let Some((other, _)) = same {
            let problem = format!("is the same secret as {other}");
            problems.push(Problem::new(key, problem, "make one: openssl rand -hex 32"));
        }
    }
}
