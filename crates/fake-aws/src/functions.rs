//! The functions of the account, as an operator looks at them and stops them.

use serde_json::{Value, json};

use crate::account::{Account, denial};
use crate::reply::Reply;
use crate::wire::Request;

/// Answers what is asked of Lambda about functions, their event sources and the account's limits.
pub(crate) fn answer(account: &mut Account, request: &Request) -> Reply {
    let name = &request.resource;
    match request.operation.as_str() {
        "GetFunction" => account.function(name),
        "PutFunctionConcurrency" => account.reserve(name, request.http.body()),
        "DeleteFunctionConcurrency" => {
            account.switched_off.remove(name);
            account.reserved_concurrency.remove(name);
            Reply {
                status: 204,
                ..Reply::ok("")
            }
        }
        "ListEventSourceMappings" => account.event_sources(),
        "GetAccountSettings" => account.limits(),
        "GetCodeSigningConfig" => account.code_signing(),
        _ => denial(request),
    }
}

impl Account {
    fn limits(&self) -> Reply {
        let limit = self.concurrent_executions.unwrap_or(1_000);
        let unreserved = self.unreserved_executions.unwrap_or(limit);
        Reply::json(&json!({ "AccountLimit": {
            "ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved,
        } }))
    }

    fn code_signing(&self) -> Reply {
        let Some(policy) = self.code_signing else {
            return Reply::json_error(
                404,
                "ResourceNotFoundException",
                "The code signing configuration cannot be found.",
            );
        };
        Reply::json(&json!({ "CodeSigningConfig": {
            "CodeSigningConfigId": "csc-0123456789abcdef0",
            "CodeSigningConfigArn": "arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0",
            "AllowedPublishers": { "SigningProfileVersionArns": [] },
            "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": policy },
            "LastModified": "2026-01-01T00:00:00Z",
        } }))
    }

    fn function(&self, name: &str) -> Reply {
        if self.gone.contains(name) {
            return Reply::json_error(404, "ResourceNotFoundException", "Function not found");
        }
        let mut function = json!({ "Configuration": { "FunctionName": name, "State": "Active" } });
        let configuration = self.configurations.get(name).and_then(Value::as_object);
        for (member, value) in configuration.into_iter().flatten() {
            function["Configuration"][member] = value.clone();
        }
        let reserved = self.reserved_concurrency.get(name).copied();
        let reserved = reserved.or(self.switched_off.contains(name).then_some(0));
        if let Some(reserved) = reserved {
            function["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        Reply::json(&function)
    }

    /// Reserves concurrency for a function, of which 0 switches it off.
    fn reserve(&mut self, name: &str, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let reserved = &body["ReservedConcurrentExecutions"];
        self.switched_off.remove(name);
        self.reserved_concurrency.remove(name);
        match reserved.as_u64() {
            Some(0) => self.switched_off.extend([name.to_owned()]),
            Some(count) => self.reserved_concurrency.extend([(name.to_owned(), count)]),
            None => {}
        }
        Reply::json(&json!({ "ReservedConcurrentExecutions": reserved }))
    }

    fn event_sources(&self) -> Reply {
        let all = self.stack_resources.iter();
        let sources = all.filter(|(resource_type, ..)| *resource_type == "AWS::Lambda::EventSourceMapping");
        let sources = sources.filter(|(.., uuid)| !self.gone.contains(uuid));
        let sources = sources.map(|(.., uuid)| {
            let state = if self.switched_off.contains(uuid) {
                "Disabled"
            } else {
                "Enabled"
            };
            json!({ "UUID": uuid, "State": state })
        });
        Reply::json(&json!({ "EventSourceMappings": sources.collect::<Vec<_>>() }))
    }
}
