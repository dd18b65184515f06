use std::{collections::BTreeSet, fs, path::PathBuf};

use piperoll_domain::billing::Mode;
use tempfile::TempDir;

use super::*;
use crate::{providers::Network, secret::Secret};

mod development;
mod production;

/// A place for the data, and settings on top of it.
struct Given {
    directory: TempDir,
    file: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

fn given<const N: usize>(variables: [(&str, &str); N]) -> Given {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").to_str().unwrap().to_owned();
    let given = Given { directory, file: None, variables: vec![("PIPEROLL_DATA".into(), data)] };
    variables.into_iter().fold(given, |given, (name, value)| given.and(name, value))
}

impl Given {
    fn and(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    fn file(mut self, text: &str) -> Self {
        let file = self.directory.path().join("piperoll.toml");
        fs::write(&file, text).unwrap();
        self.file = Some(file);
        self
    }

    fn load(&self) -> Result<Loaded, Error> {
        Config::load(self.file.as_deref(), self.variables.clone(), Persist::Yes)
    }

    #[track_caller]
    fn config(&self) -> Config {
        self.load().map_err(|error| error.to_string()).unwrap().config
    }

    #[track_caller]
    fn problems(&self) -> Vec<Problem> {
        match self.load() {
            Err(Error::Problems(Problems(problems))) => problems,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refuses<const N: usize>(&self, keys: [&str; N]) {
        let found = self.problems();
        let found: BTreeSet<_> = found.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(found, BTreeSet::from(keys));
    }
}

#[test]
fn a_later_layer_wins() {
    let file = "[limits]\nbody_bytes_max = 2048\njson_depth_max = 7\n";
    let config = given([("PIPEROLL_LIMITS__BODY_BYTES_MAX", "4096")]).file(file).config();
    assert_eq!(config.limits.body_bytes_max.get(), 4096);
    assert_eq!(config.limits.json_depth_max.get(), 7);
    assert_eq!(config.limits.header_bytes_max.get(), 16_384);
}

#[test]
fn the_names_of_the_runbooks_are_honoured() {
    let config = given([
        ("PAYMENT_PROVIDER", "lnbits"),
        ("LNBITS_BASE_URL", "https://lnbits.acme.dev/base/"),
        ("LNBITS_ADMIN_KEY", "b6e3fe4b1b5c4f0a9c31d1c2a6bd1f0d"),
        ("L402_SECRET", "first-l402-secret"),
        ("L402_SECRET_PREV", "second-l402-secret,third-l402-secret"),
        ("PAYMENT_WEBHOOK_SECRET", "first-webhook-secret"),
        ("PAYMENT_WEBHOOK_SECRET_PREV", "second-webhook-secret"),
        ("L402_INVOICE_EXPIRY_SECONDS", "600"),
        ("PAYMENT_PROVIDER_TIMEOUT_MS", "2500"),
        ("ADMIN_TOKEN", "first-admin-token"),
        ("PIPEROLL_ADMIN_TOKEN_PREV", "second-admin-token"),
        ("PIPEROLL_MASTER_KEY", "first-master-key"),
        ("PIPEROLL_CONNECTION__REAL_MONEY_IN_DEVELOPMENT", "true"),
    ])
    .config();

    let secret = |text| Secret::parse(text).unwrap();
    let Some(Account::Lnbits { base_url, key }) = config.connection.account() else {
        panic!("{:?}", config.connection);
    };
    assert_eq!(base_url.as_str(), "https://lnbits.acme.dev/base/");
    assert!(key.is(b"b6e3fe4b1b5c4f0a9c31d1c2a6bd1f0d"));
    assert_eq!(config.connection.network(), Network::Bitcoin);
    assert_eq!(config.l402.secrets().current, secret("first-l402-secret"));
    let previous = vec![secret("second-l402-secret"), secret("third-l402-secret")];
    assert_eq!(config.l402.secrets().previous, previous);
    let previous = vec![secret("second-webhook-secret")];
    assert_eq!(config.connection.webhook_secrets().previous, previous);
    assert_eq!(config.l402.invoice_expiry.seconds(), 600);
    assert_eq!(config.providers.timeout.duration().as_millis(), 2_500);
    assert_eq!(config.admin.tokens().current, secret("first-admin-token"));
    assert_eq!(config.admin.tokens().previous, vec![secret("second-admin-token")]);
    assert_eq!(config.keyring.master_keys().current, secret("first-master-key"));
}

#[test]
fn every_problem_is_told_at_once_and_by_name() {
    let file = "color = 1\n[limits]\nbody_bytes_max = 0\njson_depth_max = 101\nbodies = 3\n\
                [server]\nlisten = \"here\"\n[reconciliation]\ninterval = \"sometimes\"\n\
                [l402]\ncompat = \"other\"\n";
    given([
        ("PIPEROLL_LIMITS__CONCURRENCY_MAX", "many"),
        ("PIPEROLL_SERVER__COLOR", "red"),
        ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.1/8"),
        ("PIPEROLL_PUBLIC_URL", "ftp://acme.dev"),
        ("L402_INVOICE_EXPIRY_SECONDS", "1h"),
        ("L402_SECRET", " padded"),
    ])
    .file(file)
    .refuses([
        "color",
        "l402.compat",
        "l402.invoice_expiry",
        "l402.secret",
        "limits.bodies",
        "limits.body_bytes_max",
        "limits.concurrency_max",
        "limits.json_depth_max",
        "reconciliation.interval",
        "server.color",
        "server.listen",
        "server.public_url",
        "server.trusted_proxies",
    ]);
}

#[test]
fn a_problem_names_the_variable_and_what_is_allowed() {
    let problems = given([("LNBITS_BASE_URL", "lnbits:5000")]).problems();
    let told = problems[0].to_string();
    assert!(told.contains("connection.base_url (LNBITS_BASE_URL)"), "{told}");
    assert!(told.contains("https://"), "{told}");
    let problems = given([("PIPEROLL_LIMITS__JSON_DEPTH_MAX", "0")]).problems();
    assert_eq!(problems[0].variable(), "PIPEROLL_LIMITS__JSON_DEPTH_MAX");
}

#[test]
fn no_message_repeats_a_secret() {
    let files = [
        "[l402]\nsecret = \" hunter2hunter2\"\n",
        "[l402]\nsecret = [\"hunter2hunter2\"]\n",
        "[l402]\nsecret = { hunter2hunter2 = 1 }\n",
        "[l402]\nsecret = \"hunter2hunter2\nx = 1",
        "[l402]\nsecret_previous = [\"fine\", \"hunter2 hunter2\"]\n",
        "[connection]\nkey = \"'hunter2hunter2'\"\n",
        "[keyring]\nmaster_key = \"hunter2\\u0000\"\n",
    ];
    for file in files {
        let error = given([]).file(file).load().unwrap_err();
        let told = format!("{error} {error:?}");
        // A key is no secret, whoever put one there.
        let told = told.replace("secret.hunter2hunter2", "");
        assert!(!told.contains("hunter2"), "{file}: {told}");
    }
    let number = given([]).file("[admin]\ntoken = 8877665544332211\n").load().unwrap_err();
    assert!(!number.to_string().contains("88776655"), "{number}");
}

#[test]
fn a_broken_file_is_told_by_its_line() {
    let error = given([]).file("env = \"development\"\n[limits\n").load().unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 2, .. }), "{error:?}");
    let missing = Config::load(Some(Path::new("/nowhere.toml")), given([]).variables, Persist::No);
    assert!(matches!(missing, Err(Error::File { .. })), "{missing:?}");
}

#[test]
fn a_section_is_no_value_and_a_value_is_no_section() {
    given([]).file("limits = 5\n").refuses(["limits"]);
    given([]).file("[server.listen]\nport = 1\n").refuses(["server.listen"]);
    given([]).file("[tls]\ncert = \"a.pem\"\n").refuses(["tls.key"]);
}

#[test]
fn switches_are_words_and_nothing_else() {
    for (word, on) in [("true", true), ("1", true), ("YES", true), ("False", false), ("no", false)]
    {
        let given = given([("PIPEROLL_L402__DROP_LSAT_LINE", word)]);
        assert_eq!(given.config().l402.drop_lsat_line, on, "{word}");
    }
    given([("PIPEROLL_L402__DROP_LSAT_LINE", "maybe")]).refuses(["l402.drop_lsat_line"]);
}

#[test]
fn billing_is_switched_by_few_words_and_nothing_else() {
    let default = given([]).config().billing;
    assert_eq!((default.enabled, default.ceiling_micro.units()), (true, 1_000_000_000_000));
    for (word, on) in [
        ("true", true),
        ("1", true),
        ("YES", true),
        ("False", false),
        ("0", false),
        ("no", false),
        ("", true),
    ] {
        let given = given([("FEATURE_BILLING_ENABLED", word)]);
        assert_eq!(given.config().billing.enabled, on, "{word}");
    }
    for word in ["on", "off", "ture", "2", "-1", " true"] {
        given([("FEATURE_BILLING_ENABLED", word)]).refuses(["billing.enabled"]);
    }
    let file = "[billing]\nenabled = 0\nceiling_micro = 5\n";
    let billing = given([]).file(file).config().billing;
    assert_eq!((billing.enabled, billing.ceiling_micro.units()), (false, 5));
    given([]).file("[billing]\nenabled = 2\n").refuses(["billing.enabled"]);
}

#[test]
fn the_ceiling_of_billing_is_a_whole_number_above_none() {
    let micro = |text| given([("BILLING_CEILING_MICRO", text)]);
    for (text, units) in [("1", 1), ("250000", 250_000), ("9223372036854775807", i64::MAX)] {
        let ceiling = micro(text).config().billing.ceiling();
        assert_eq!((ceiling.commodity.as_str(), ceiling.amount.signed()), ("USD", units));
    }
    for text in ["0", "-1", "1.5", "1e6", "1_000", "many", "9223372036854775808"] {
        micro(text).refuses(["billing.ceiling_micro"]);
    }
}

#[test]
fn the_mode_of_an_empty_roll_is_one_of_three_words_and_its_override_a_reason() {
    let mode = |text| given([("BILLING_MODE", text)]);
    for (text, known) in [
        ("shadow", Some(Mode::Shadow)),
        ("soft", Some(Mode::Soft)),
        ("live", Some(Mode::Live)),
        ("", None),
    ] {
        assert_eq!(mode(text).config().billing.mode, known, "{text}");
    }
    for text in ["on", "Live", "true", "1", "shadow "] {
        mode(text).refuses(["billing.mode"]);
        let told = mode(text).problems()[0].to_string();
        assert!(told.starts_with("billing.mode (BILLING_MODE)"), "{told}");
        assert!(["shadow", "soft", "live"].iter().all(|word| told.contains(word)), "{told}");
    }
    let long = "x".repeat(301);
    for why in [" ", "one\ntwo", &long] {
        given([("PIPEROLL_BILLING__MODE_OVERRIDE", why)]).refuses(["billing.mode_override"]);
    }
    let why = [("BILLING_MODE", "soft"), ("PIPEROLL_BILLING__MODE_OVERRIDE", &long[1..])];
    let seed = given(why).config().billing.seed().unwrap();
    assert!(seed.mode == Mode::Soft && seed.reason.chars().count() <= 500);
    assert_eq!(given([("BILLING_MODE", "soft")]).config().billing.seed(), None);
}

#[test]
fn an_empty_variable_is_not_set() {
    let config = given([("L402_INVOICE_EXPIRY_SECONDS", ""), ("PIPEROLL_PUBLIC_URL", "")]).config();
    assert_eq!(config.l402.invoice_expiry.seconds(), 3_600);
    assert_eq!(config.server.public_url, None);
}

#[test]
fn two_variables_of_one_setting_must_agree() {
    let agree = [("ADMIN_TOKEN", "the-token"), ("PIPEROLL_ADMIN_TOKEN", "the-token")];
    assert!(given(agree).config().admin.tokens().current.is(b"the-token"));
    given([("ADMIN_TOKEN", "one-token"), ("PIPEROLL_ADMIN_TOKEN", "other-token")])
        .refuses(["admin.token"]);
    given([("L402_SECRET", "one-secret"), ("PIPEROLL_L402__SECRET", "other-secret")])
        .refuses(["l402.secret"]);
}

#[test]
fn variables_of_others_are_ignored() {
    given([("PATH", "/bin"), ("PIPEROLL_URL", "x"), ("LNBITS_DATA_FOLDER", "y")]).config();
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_told() {
    use std::os::unix::ffi::OsStringExt;

    let mut variables: Vec<(OsString, OsString)> =
        given([]).variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    variables.push(("L402_SECRET".into(), OsString::from_vec(vec![0xff, 0xfe])));
    let error = Config::load(None, variables, Persist::No).unwrap_err();
    assert!(error.to_string().contains("l402.secret (L402_SECRET) is not UTF-8"), "{error}");
}

#[test]
fn what_is_rendered_is_what_is_in_force() {
    let given = given([
        ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("L402_SECRET", "shown-to-nobody"),
        ("L402_SECRET_PREV", "first-old-secret"),
        ("PIPEROLL_PUBLIC_URL", "https://pay.acme.dev"),
    ]);
    let config = given.config();
    let text = config.render().unwrap();
    assert!(text.contains("secret = \"*** (sha256 b164e164)\""), "{text}");
    assert!(!text.contains("shown-to-nobody") && !text.contains("first-old-secret"), "{text}");

    let shown = text.lines().filter(|line| !line.contains("***"));
    let without_secrets = shown.collect::<Vec<_>>().join("\n");
    assert_eq!(given.file(&without_secrets).config(), config);
}

#[test]
fn only_known_secrets_are_rendered_as_secrets() {
    let text = given([("PIPEROLL_METRICS_TOKEN", "the-metrics-token")]).config().render().unwrap();
    let leaves = layers::parse(&text, Path::new("rendered")).unwrap();
    for (key, value) in leaves {
        let starred = value.to_string().contains("***");
        assert!(!starred || names::is_secret(&key), "{key} is not in the list of secrets");
    }
}

#[test]
fn a_digest_is_over_all_settings_and_no_secret() {
    let place = given([]);
    let digest = |given: &Given| given.config().digest().unwrap();
    let one = digest(&place);
    assert_eq!(digest(&place), one);

    let place = place.and("L402_SECRET", "another-secret").and("ADMIN_TOKEN_PREV", "old-token");
    assert_eq!(digest(&place), one);
    let place = place.and("L402_INVOICE_EXPIRY_SECONDS", "600");
    assert_ne!(digest(&place), one);
}

#[test]
fn the_reference_names_every_setting_and_every_variable() {
    for variable in names::variables() {
        assert!(DEFAULT.contains(variable), "{variable} is not in config.default.toml");
    }
    let uncommented = DEFAULT
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let documented = layers::parse(&uncommented, Path::new("uncommented")).unwrap();
    for secret in &names::SECRETS {
        assert!(documented.contains_key(secret.key), "{} is not documented", secret.key);
    }
    let told = given([]).file(&uncommented).problems();
    assert!(told.iter().all(|problem| problem.problem != "is not a setting"), "{told:?}");
    let rendered = given([]).config().render().unwrap();
    for key in layers::parse(&rendered, Path::new("rendered")).unwrap().keys() {
        assert!(documented.contains_key(key), "{key} is not documented");
    }
}

fn is_setting(line: &str) -> bool {
    let name = line.split(" = ").next().unwrap_or_default();
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    line == "[tls]" || (name != line && word(name))
}
