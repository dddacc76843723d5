//! `configure`: parameters of a stack that runs.

use super::*;

/// Lists the parameters of the last request that keep their values, and those that get one.
fn kept_and_given(site: &Site) -> (Vec<String>, Vec<(String, String)>) {
    let request = site.request();
    let (mut kept, mut given) = (Vec::new(), Vec::new());
    for number in 1.. {
        let member = |name: &str| {
            request
                .get(&format!("Parameters.member.{number}.{name}"))
                .cloned()
        };
        let Some(name) = member("ParameterKey") else { break };
        match member("ParameterValue") {
            Some(value) => given.push((name, value)),
            None => {
                assert_eq!(member("UsePreviousValue").as_deref(), Some("true"), "{name}");
                kept.push(name);
            }
        }
    }
    (kept, given)
}

#[tokio::test(start_paused = true)]
async fn configure_gives_one_parameter_another_value_and_keeps_everything_else() {
    let site = Site::deployed().await;
    let before = site.request();
    let done = site.run("configure --set LogLevel=DEBUG --yes").await.unwrap();
    assert_eq!(
        done["parameters"],
        json!([{ "name": "LogLevel", "before": null, "after": "DEBUG" }])
    );
    let (kept, given) = kept_and_given(&site);
    assert_eq!(given, [("LogLevel".to_owned(), "DEBUG".to_owned())]);
    assert_eq!(kept, ["ArtifactsBucket", "ArtifactsPrefix"]);
    // The template is given again, that of the release.
    assert_eq!(site.request()["TemplateURL"], before["TemplateURL"]);
    assert_eq!(site.count(Service::S3, "PutObject"), 0);

    let done = site.run("configure --set LogLevel=INFO --yes").await.unwrap();
    assert_eq!(done["parameters"][0]["before"], "DEBUG");
}

#[tokio::test(start_paused = true)]
async fn the_parameters_that_a_stack_has_are_listed_with_which_are_defaults() {
    let site = Site::deployed().await;
    site.aws.edit_account(|account| {
        let own = [("Environment", "sandbox"), ("LogLevel", "INFO")];
        account
            .stack_parameters
            .extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    });
    let shown = site.run("configure --show").await.unwrap();
    let listed = shown["parameters"].as_array().unwrap();
    assert!(listed.contains(&json!({ "name": "Environment", "value": "sandbox", "is_default": false })));
    assert!(listed.contains(&json!({ "name": "LogLevel", "value": "INFO", "is_default": true })));
    assert_eq!(site.count(Service::CloudFormation, "CreateChangeSet"), 0);
    assert!(site.read("configure --show").await.contains("sandbox"));
}

#[tokio::test(start_paused = true)]
async fn configure_refuses_what_it_cannot_change() {
    let site = Site::new();
    let refusal = site.refusal("configure --set LogLevel=DEBUG --yes").await;
    assert!(refusal.contains("there is no stack upvest-webhooks"), "{refusal}");
    let site = Site::deployed().await;
    for (set, told) in [
        ("LogLevels=DEBUG", "did you mean LogLevel?"),
        (
            "Architecture=x86_64",
            "deploy --release DIR --set Architecture=x86_64",
        ),
        ("ArtifactsPrefix=mine", "is not yours to set"),
    ] {
        let refusal = site.refusal(&format!("configure --set {set} --yes")).await;
        assert!(refusal.contains(told), "{refusal}");
    }
    site.aws.edit_account(|account| account.stack_parameters.clear());
    let refusal = site.refusal("configure --set LogLevel=DEBUG --yes").await;
    assert!(refusal.contains("was not deployed from a release"), "{refusal}");
    site.assert_untouched();
}
