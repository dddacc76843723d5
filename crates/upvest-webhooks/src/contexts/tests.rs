//! The file of contexts, and what is chosen by it.

use tempfile::TempDir;

use super::*;

const FILE: &str = "\
# Mine.
default = \"sandbox\"

[contexts.sandbox]
stack = \"webhooks-sandbox\" # the old one
region = \"eu-central-1\"
environment = \"sandbox\"

[contexts.live]
stack = \"webhooks-live\"
profile = \"operator\"
";

fn parsed(text: &str) -> Result<Contexts> {
    Contexts::parsed(Some("config.toml".into()), text)
}

/// Writes a file in a folder of its own; gives both.
fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

/// Gives the choice that a command line makes, in an environment that has these variables.
fn chosen(arguments: StackArgs, variables: &[(&str, &str)]) -> Result<StackChoice> {
    let find = |name: &str| {
        let found = variables.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    finder(arguments, Lookup::new(&find), Reporter::silent()).map(|finder| finder.choice().clone())
}

fn stack_of(choice: Result<StackChoice>) -> Option<String> {
    choice.unwrap().stack
}

#[test]
fn a_file_is_read_and_what_it_does_not_say_is_left_open() {
    let contexts = parsed(FILE).unwrap();
    assert_eq!(contexts.default.as_deref(), Some("sandbox"));
    let live = Context {
        stack: Some("webhooks-live".to_owned()),
        profile: Some("operator".to_owned()),
        ..Context::default()
    };
    assert_eq!(contexts.get("live").unwrap(), &live);
    assert_eq!(
        contexts.get("sandbox").unwrap().environment,
        Some(Environment::Sandbox)
    );
    assert!(parsed("").unwrap().contexts.is_empty());
}

#[test]
fn what_is_unknown_is_refused_with_the_nearest_name() {
    for (text, told) in [
        ("defaults = \"a\"", "defaults is unknown: did you mean default?"),
        (
            "[contexts.a]\nregions = \"b\"",
            "context a: regions is unknown: did you mean region?",
        ),
        (
            "[contexts.a]\nenvironment = \"sandbx\"",
            "Upvest has no environment sandbx: did you mean sandbox?",
        ),
        ("[contexts.a]\nstack = 1", "context a: stack is to be a text"),
        ("contexts = 1", "contexts is no table"),
        ("default", "it is no TOML"),
    ] {
        let error = parsed(text).unwrap_err();
        assert_eq!(error.kind(), operator::ErrorKind::Usage, "{text}");
        let error = error.to_string();
        assert!(
            error.starts_with("config.toml: ") && error.contains(told),
            "{text}: {error}"
        );
    }
    let error = parsed(FILE).unwrap().get("sandbix").unwrap_err().to_string();
    assert!(error.ends_with("did you mean sandbox?"), "{error}");
    let error = parsed("").unwrap().get("live").unwrap_err().to_string();
    assert!(error.contains("context set NAME --stack STACK"), "{error}");
}

#[test]
fn options_win_over_the_context_that_is_named_and_that_over_the_default_one() {
    let (_folder, file) = written(FILE);
    let config = ("UPVEST_WEBHOOKS_CONFIG", file.to_str().unwrap());
    let of = |context: Option<&str>, stack: Option<&str>| StackArgs {
        context: context.map(str::to_owned),
        stack: stack.map(str::to_owned),
        ..StackArgs::default()
    };
    let default = chosen(of(None, None), &[config]).unwrap();
    assert_eq!(default.stack.as_deref(), Some("webhooks-sandbox"));
    assert_eq!(default.environment, Some(Environment::Sandbox));
    let named = ("UPVEST_WEBHOOKS_CONTEXT", "live");
    assert_eq!(
        stack_of(chosen(of(None, None), &[config, named])).as_deref(),
        Some("webhooks-live")
    );
    let other = chosen(of(Some("live"), Some("s")), &[config]).unwrap();
    assert_eq!(
        (other.stack.as_deref(), other.aws_profile.as_deref()),
        (Some("s"), Some("operator"))
    );
    // What names a stack leaves the default context aside, with all that it says.
    let named = chosen(of(None, Some("s")), &[config]).unwrap();
    assert_eq!((named.stack.as_deref(), named.region), (Some("s"), None));
    let variable = ("UPVEST_WEBHOOKS_STACK", "v");
    assert_eq!(stack_of(chosen(of(None, None), &[config, variable])), None);
    let local = StackArgs {
        context: Some("live".to_owned()),
        local: Some("stack.json".into()),
        ..StackArgs::default()
    };
    assert_eq!(stack_of(chosen(local, &[config])), None);
    assert_eq!(
        chosen(of(Some("none"), None), &[config]).unwrap_err().kind(),
        operator::ErrorKind::Usage
    );
}

#[test]
fn the_file_is_found_where_the_operator_keeps_such_files() {
    let place = |variables: &[(&str, &str)]| {
        let find = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        super::place(&Lookup::new(&find)).map(|file| file.display().to_string())
    };
    let home = ("HOME", "/home/erika");
    let own = "/home/erika/.config/upvest-webhooks/config.toml";
    assert_eq!(place(&[home]).as_deref(), Some(own));
    assert_eq!(
        place(&[home, ("XDG_CONFIG_HOME", "/etc/erika")]).as_deref(),
        Some("/etc/erika/upvest-webhooks/config.toml")
    );
    assert_eq!(
        place(&[home, ("XDG_CONFIG_HOME", "config")]).as_deref(),
        Some(own)
    );
    let named = ("UPVEST_WEBHOOKS_CONFIG", "mine.toml");
    assert_eq!(place(&[home, named]).as_deref(), Some("mine.toml"));
    assert_eq!(place(&[]), None);
}

#[test]
fn a_change_leaves_comments_and_everything_else_as_it_was() {
    let (_folder, file) = written(FILE);
    let config = file.display().to_string();
    let find = |name: &str| (name == "UPVEST_WEBHOOKS_CONFIG").then(|| config.clone());
    let read = || Contexts::read(&Lookup::new(&find)).unwrap();
    let region = Context {
        region: Some("eu-west-1".to_owned()),
        ..Context::default()
    };
    assert!(!read().set("live", &region).unwrap());
    assert!(read().set("new", &region).unwrap());
    read().make_default("live").unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# Mine.\ndefault = \"live\"\n"), "{text}");
    assert!(
        text.contains("stack = \"webhooks-sandbox\" # the old one\n"),
        "{text}"
    );
    let live = read().get("live").unwrap().clone();
    assert_eq!(
        (live.stack.as_deref(), live.region.as_deref()),
        (Some("webhooks-live"), Some("eu-west-1"))
    );
    read().delete("live").unwrap();
    assert_eq!(read().default, None);
    assert_eq!(read().contexts.keys().collect::<Vec<_>>(), ["new", "sandbox"]);
    assert!(read().delete("live").is_err() && read().make_default("live").is_err());
    assert_eq!(
        read().set("a b", &region).unwrap_err().kind(),
        operator::ErrorKind::Usage
    );
}

#[test]
fn the_first_context_makes_the_file_and_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep").join("config.toml");
    let mut contexts = Contexts::parsed(Some(file.clone()), "").unwrap();
    let context = Context {
        stack: Some("webhooks-live".to_owned()),
        ..Context::default()
    };
    assert!(contexts.set("live", &context).unwrap());
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text, "[contexts.live]\nstack = \"webhooks-live\"\n");
    let mut nowhere = Contexts::parsed(None, "").unwrap();
    assert_eq!(
        nowhere.set("live", &context).unwrap_err().kind(),
        operator::ErrorKind::Usage
    );
}
