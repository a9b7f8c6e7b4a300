"""KMS keys of a stack: the user's own for what it stores, and those of buckets that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code
from backfleet_executors.aws.stack.intrinsics import policy

if TYPE_CHECKING:
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

__all__ = ["bucket_keys", "check_key", "key_policy"]

USABLE = "Enabled"
CUSTOMER = "CUSTOMER"
"""A key of the account's own. Those that AWS manages let everybody of the account through S3."""


def check_key(clients: Clients, key: str) -> str:
    """Return the ARN of a key that can encrypt what a stack stores. Raises ExecutorError."""
    facts = _describe(clients, key, f"--kms-key {key}")
    fault = ""
    if facts.get("KeyState") != USABLE:
        fault = f"the key is {facts.get('KeyState')}; enable it, or choose another"
    elif facts.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        fault = "S3 needs a symmetric key; choose another"
    elif facts.get("KeyManager") != CUSTOMER:
        fault = "AWS manages this key, and nobody can change its policy; create a key of your own"
    if fault:
        raise ExecutorError(f"--kms-key {key}: {fault}")
    return facts.get("Arn", "")


def bucket_keys(clients: Clients, buckets: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the ARNs of keys that the roles of a stack need to read and write its buckets.

    Parameters
    ----------
    buckets
        Names of buckets that are there already.
    others
        ARNs of keys that are known: objects that they encrypted stay as they are.

    Raises
    ------
    ExecutorError
        If the encryption of a bucket cannot be read, or its key cannot be used.
    """
    keys = (_key_of(clients, bucket) for bucket in dict.fromkeys(buckets))
    return sorted({*filter(None, keys), *filter(None, others)})


def _key_of(clients: Clients, bucket: str) -> str:
    """The ARN of the key of the account's own that encrypts a bucket; empty without one."""
    from botocore.exceptions import ClientError

    with aws_errors(f"looking at the encryption of the bucket {bucket}"):
        try:
            answer = clients.s3.get_bucket_encryption(Bucket=bucket)
        except ClientError as error:
            if error_code(error) == "ServerSideEncryptionConfigurationNotFoundError":
                return ""
            raise
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    # Empty where S3 encrypts with keys of its own (AES256).
    key = next((one.get("KMSMasterKeyID", "") for one in defaults), "")
    if not key:
        return ""
    facts = _describe(clients, key, f"the bucket {bucket}")
    if facts.get("KeyState") != USABLE:
        raise ExecutorError(
            f"the bucket {bucket} is encrypted by the key {facts.get('Arn')}, which is "
            f"{facts.get('KeyState')}: nothing in it can be read or written. Enable the key, or "
            "choose another bucket"
        )
    # A bucket may name its key by an alias or an id, and policies need the ARN.
    return facts.get("Arn", "") if facts.get("KeyManager") == CUSTOMER else ""


def _describe(clients: Clients, key: str, option: str) -> KeyMetadataTypeDef:
    from botocore.exceptions import ClientError

    with aws_errors(f"looking for the KMS key {key}"):
        try:
            return clients.kms.describe_key(KeyId=key)["KeyMetadata"]
        except ClientError as error:
            if error_code(error) == "NotFoundException":
                raise ExecutorError(
                    f"{option}: there is no KMS key {key} in {clients.region}; correct it, or "
                    "--region"
                ) from error
            raise


def key_policy(partition: str, region: str, account: str) -> dict[str, Any]:
    """Return the policy that a key needs, for its administrator to set."""
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    logs = f"arn:{partition}:logs:{region}:{account}:log-group:*"
    of_account = {"StringEquals": {"aws:SourceAccount": account}}
    return dict(
        policy(
            # Without this statement nobody could administer the key any more.
            _for({"AWS": f"arn:{partition}:iam::{account}:root"}, "Account", ["kms:*"]),
            # KMS does not get the account from EventBridge: with a condition on it, every message
            # to an encrypted topic would be lost without a word.
            _for({"Service": "events.amazonaws.com"}, "Events", use),
            _for({"Service": "cloudwatch.amazonaws.com"}, "Alarms", use, of_account),
            _for(
                {"Service": f"logs.{region}.{suffix}"},
                "Logs",
                ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", *use[1:], "kms:Describe*"],
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
            ),
        )
    )


def _for(
    principal: Mapping[str, str],
    name: str,
    actions: list[str],
    condition: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    statement = {
        "Sid": name,
        "Effect": "Allow",
        "Principal": principal,
        "Action": actions,
        "Resource": "*",
    }
    return statement | ({"Condition": condition} if condition else {})
