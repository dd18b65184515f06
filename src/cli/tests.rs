//! The command line, as far as it needs no server.

use clap::CommandFactory as _;

use super::{Cli, Exit, output};

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_and_every_option_is_explained() {
    fn check(command: &clap::Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "`{name}` has no help");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "`{name}` {} has no help", argument.get_id());
        }
        command.get_subcommands().filter(|verb| verb.get_name() != "help").for_each(check);
    }
    let mut command = Cli::command();
    command.build();
    check(&command);
}

#[test]
fn a_ceiling_that_is_taken_away_leaves_the_environments() {
    let mut command = Cli::command();
    let set = ["billing", "set"].iter().fold(&mut command, |at, verb| {
        at.find_subcommand_mut(verb).unwrap_or_else(|| panic!("no `{verb}`"))
    });
    let help = set.render_long_help().to_string();
    assert!(help.contains("BILLING_CEILING_MICRO"), "{help}");
}

#[test]
fn every_exit_code_stands_in_the_help() {
    let all = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Unreachable,
        Exit::NotAuthorised,
        Exit::NotFound,
        Exit::Conflict,
        Exit::AuditFailed,
        Exit::Unreconciled,
        Exit::WouldChange,
    ];
    let codes: std::collections::BTreeSet<u8> = all.iter().map(|exit| exit.code()).collect();
    assert_eq!(codes.len(), all.len());
    for code in codes {
        assert!(super::exit::HELP.contains(&format!("{code:>4}  ")), "{code}");
    }
}

#[test]
fn lists_are_shown_as_tables_and_objects_as_fields() {
    let list = serde_json::json!({ "items": [
        { "payment": "pay_1", "price": { "commodity": "MSAT", "amount": "5" } },
        { "payment": "pay_22", "price": null },
    ], "next": null });
    assert_eq!(output::shown(&list), ["payment  price", "pay_1    5 MSAT", "pay_22   -"]);
    let one = serde_json::json!({ "payment": "pay_1", "reviews": [] });
    assert_eq!(output::shown(&one), ["payment: pay_1", "reviews: []"]);
}
