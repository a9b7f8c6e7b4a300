"""What AWS answers becomes one sentence with what to do, and exit code 2."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from backfleet.errors import ExecutorError
from backfleet_executors.aws.errors import aws_errors, denial_in, error_code, explained

DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/analyst/ann is not authorized to perform: "
    "batch:SubmitJob on resource: arn:aws:batch:us-east-1:123456789012:job-queue/backfleet-spot "
    "because no identity-based policy allows the batch:SubmitJob action"
)


def answer(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "SubmitJob")


def test_a_denial_names_who_may_not_do_what_and_the_line_the_policy_lacks() -> None:
    text = str(explained(answer("AccessDeniedException", DENIED), "submitting run 3f2a"))
    assert text.startswith("submitting run 3f2a: arn:aws:sts::123456789012:assumed-role/analyst/")
    assert '{"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": "arn:aws:batch:' in text
    assert "the statement SubmitJobs of the role for submitters" in text


def test_a_denial_of_what_deploying_takes_leads_to_the_policy_for_it() -> None:
    denied = DENIED.replace("batch:SubmitJob", "cloudformation:CreateChangeSet")
    assert "'backfleet aws policy'" in str(explained(answer("AccessDenied", denied), "planning"))


def test_an_express_denial_is_not_mended_by_a_further_permission() -> None:
    message = DENIED.partition(" because")[0] + " with an explicit deny in a permissions boundary"
    text = str(explained(answer("AccessDenied", message), "submitting"))
    assert "denies it expressly" in text
    assert '"Effect": "Allow"' not in text


def test_a_denial_that_says_nothing_more_is_still_one() -> None:
    denial = denial_in(answer("AccessDenied", "Access Denied"))
    assert denial is not None
    assert denial.action == ""
    assert "ask for the permission" in str(explained(answer("AccessDenied"), "listing"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredToken", "credentials have expired"),
        ("ExpiredTokenException", "credentials have expired"),
        ("UnrecognizedClientException", "the access key does not exist"),
        ("InvalidClientTokenId", "the access key does not exist"),
        ("TooManyRequestsException", "wait a minute"),
        ("RequestTimeTooSkewed", "clock of this machine"),
    ],
)
def test_each_code_says_what_to_do(code: str, advice: str) -> None:
    assert advice in str(explained(answer(code), "asking"))
    assert denial_in(answer(code)) is None


def test_errors_of_botocore_itself_say_what_to_do() -> None:
    assert "aws sso login" in str(explained(NoCredentialsError(), "asking"))
    unreachable = EndpointConnectionError(endpoint_url="https://batch.nowhere.amazonaws.com")
    assert "check the region" in str(explained(unreachable, "asking"))


def test_an_unknown_code_is_told_as_aws_tells_it() -> None:
    text = str(explained(answer("Curious", "all is odd"), "asking"))
    assert text.startswith("asking: ")
    assert "all is odd" in text


def test_the_block_raises_an_error_with_exit_code_2_and_its_cause() -> None:
    with pytest.raises(ExecutorError) as raised, aws_errors("asking"):
        raise answer("ExpiredToken")
    assert raised.value.exit_code == 2
    assert isinstance(raised.value.__cause__, ClientError)
    assert error_code(raised.value.__cause__) == "ExpiredToken"
