use proptest::prelude::*;

use super::*;

fn normal(target: &str) -> String {
    Path::normalise(target).unwrap().0
}

/// Decodes everything, takes every slash for one, cuts parameters, merges slashes, then climbs.
fn liberally(target: &str) -> Vec<String> {
    let decoded = target.to_lowercase().replace("%2e", ".").replace("%3b", ";");
    let slashed = decoded.replace("%2f", "/").replace("%5c", "/");
    let names = slashed.split('/').map(|segment| segment.split(';').next().unwrap());
    let mut kept = Vec::new();
    for name in names {
        match name {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(name.to_owned()),
        }
    }
    kept
}

fn pattern(text: &str) -> PathPattern {
    text.parse().unwrap()
}

#[test]
fn each_path_has_one_spelling() {
    for (target, spelling) in [
        ("/", "/"),
        ("/v1/x", "/v1/x"),
        ("/v1/x/", "/v1/x/"),
        ("/v1/x?a=/../b", "/v1/x"),
        ("/v1/x#y", "/v1/x"),
        ("/%76%31/%7euser", "/v1/~user"),
        ("/a%c3%bc", "/a%C3%BC"),
        ("/aü b", "/a%C3%BC%20b"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2E/c", "/c"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/../../x", "/x"),
        ("/@scope%2fname", "/@scope%2Fname"),
        ("/a//b", "/a//b"),
        ("/a;v=1/b", "/a;v=1/b"),
        ("/...", "/..."),
        ("/a%252e", "/a%252e"),
    ] {
        assert_eq!(normal(target), spelling, "{target}");
    }
}

#[test]
fn paths_that_servers_disagree_about_are_refused() {
    for (target, why) in [
        ("", BadPath::Relative),
        ("*", BadPath::Relative),
        ("http://host/x", BadPath::Relative),
        ("%2fx", BadPath::Relative),
        ("/a%", BadPath::Percent),
        ("/a%2", BadPath::Percent),
        ("/a%zz", BadPath::Percent),
        ("/a%+1", BadPath::Percent),
        ("/a\\..\\b", BadPath::Forbidden),
        ("/a%00", BadPath::Forbidden),
        ("/a\n", BadPath::Forbidden),
        ("/a%0d%0a", BadPath::Forbidden),
        ("/cheap/..%2fadmin", BadPath::Ambiguous),
        ("/cheap/%2e%2e%2Fadmin", BadPath::Ambiguous),
        ("/cheap/x%2f..%2F..%2fadmin", BadPath::Ambiguous),
        ("/cheap/..%5cadmin", BadPath::Ambiguous),
        ("/cheap/..;/admin", BadPath::Ambiguous),
        ("/cheap/..;x=1/admin", BadPath::Ambiguous),
        ("/cheap/..%3b/admin", BadPath::Ambiguous),
        ("/cheap//../admin", BadPath::Ambiguous),
        ("/cheap/%2f/../admin", BadPath::Ambiguous),
        ("/cheap/;/../admin", BadPath::Ambiguous),
    ] {
        assert_eq!(Path::normalise(target), Err(why), "{target}");
    }
    let long = "/".repeat(LEN_MAX + 1);
    assert_eq!(Path::normalise(&long), Err(BadPath::TooLong));
}

#[test]
fn a_pattern_allows_one_path_or_all_below_a_folder() {
    for (text, target, allowed) in [
        ("/v1/x", "/v1/x", true),
        ("/v1/x", "/v1/./x?q", true),
        ("/v1/x", "/v1/x/", false),
        ("/v1/x", "/v1/xy", false),
        ("/v1/*", "/v1/x/y", true),
        ("/v1/*", "/v1/", true),
        ("/v1/*", "/v1", false),
        ("/v1/*", "/v10/x", false),
        ("/v1/*", "/v1/../v2/x", false),
        ("/*", "/", true),
        ("/a*", "/a*", true),
        ("/a*", "/ab", false),
    ] {
        let path = Path::normalise(target).unwrap();
        assert_eq!(pattern(text).allows(&path), allowed, "{text} {target}");
    }
}

#[test]
fn a_pattern_covers_what_is_narrower_only() {
    for (wide, narrow, covered) in [
        ("/a/*", "/a/b", true),
        ("/a/*", "/a/b/*", true),
        ("/a/*", "/a/*", true),
        ("/a/*", "/a/b/../*", true),
        ("/a/*", "/a", false),
        ("/a/*", "/*", false),
        ("/a/*", "/ab/*", false),
        ("/a/b", "/a/*", false),
        ("/a/b", "/a/c", false),
    ] {
        assert_eq!(pattern(wide).covers(&pattern(narrow)), covered, "{wide} {narrow}");
    }
}

#[test]
fn a_literal_star_never_becomes_a_prefix() {
    let path = Path::normalise("/a/*").unwrap();
    assert_eq!(PathPattern::exact(&path), Err(BadPath::Pattern));
    assert_eq!("/a?b/*".parse::<PathPattern>(), Err(BadPath::Pattern));
    assert_eq!("a/*".parse::<PathPattern>(), Err(BadPath::Relative));
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(target in "/[a.%2fF5cC;/*?#é\\x00-\\x20]{0,24}") {
        if let Ok(path) = Path::normalise(&target) {
            prop_assert_eq!(Path::normalise(path.as_str()), Ok(path));
        }
    }

    #[test]
    fn no_liberal_reading_leaves_the_folder_that_was_paid_for(
        rest in "(a|\\.|\\.\\.|%2e|%2E|%2f|%5C|;|%3b|/|x){0,12}",
    ) {
        let target = format!("/paid/{rest}");
        if let Ok(path) = Path::normalise(&target)
            && pattern("/paid/*").allows(&path)
        {
            let read = liberally(&target);
            prop_assert!(read.first().is_some_and(|first| first == "paid"), "{target} {read:?}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(target in ".{0,64}") {
        let _ = Path::normalise(&target);
        let _ = target.parse::<PathPattern>();
    }

    #[test]
    fn patterns_read_back(text in "/[ab./*]{0,12}") {
        if let Ok(pattern) = text.parse::<PathPattern>() {
            prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }

    #[test]
    fn covering_means_allowing_no_more(
        wide in "/[ab]?/?[ab]?(/\\*)?", narrow in "/[ab]?/?[ab]?(/\\*)?", target in "/[ab]?/?[ab]?",
    ) {
        let (wide, narrow) = (wide.parse::<PathPattern>(), narrow.parse::<PathPattern>());
        let path = Path::normalise(&target).unwrap();
        if let (Ok(wide), Ok(narrow)) = (wide, narrow)
            && wide.covers(&narrow)
            && narrow.allows(&path)
        {
            prop_assert!(wide.allows(&path));
        }
    }
}
