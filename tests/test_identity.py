"""Who may: identities through boto3."""

import json

import pytest
from botocore.exceptions import ClientError


def code(refused):
    return refused.value.response["Error"]["Code"]


def test_dummy_keys_are_root_of_their_account(cloud):
    assert cloud.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert cloud.client("sts", key="123456789012").get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(ClientError) as refused:
        cloud.client("sts", key="AKIAIOSFODNN7EXAMPLE").get_caller_identity()
    assert code(refused) == "InvalidClientTokenId"


def test_a_user_may_do_what_its_policy_says(cloud, name):
    iam, sqs = cloud.client("iam"), cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = cloud.client("sqs", key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(ClientError) as refused:
        user.send_message(QueueUrl=queue, MessageBody="x")
    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    arn = f"arn:aws:sqs:eu-west-1:000000000000:{name}"
    assert error["Message"] == (
        f"User: arn:aws:iam::000000000000:user/{name} is not authorized to perform: sqs:sendmessage on resource: {arn} "
        "because no identity-based policy allows the sqs:sendmessage action"
    )
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="send", PolicyDocument=document)
    user.send_message(QueueUrl=queue, MessageBody="x")
    with pytest.raises(ClientError):
        user.receive_message(QueueUrl=queue)
    wrong = cloud.client("sqs", key["AccessKeyId"], "wrong")
    with pytest.raises(ClientError) as refused:
        wrong.send_message(QueueUrl=queue, MessageBody="x")
    assert code(refused) in ("SignatureDoesNotMatch", "InvalidSignatureException")


def test_a_deployer_may_deploy_and_nothing_else(cloud, name):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AWSLambda_FullAccess")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    deployer = (key["AccessKeyId"], key["SecretAccessKey"])
    assert cloud.client("lambda", *deployer).list_functions()["Functions"] is not None
    with pytest.raises(ClientError) as refused:
        cloud.client("dynamodb", *deployer).list_tables()
    assert code(refused) == "AccessDeniedException"
    with pytest.raises(ClientError):
        cloud.client("s3", *deployer).create_bucket(Bucket=name)


def test_a_role_is_assumed_as_its_trust_policy_says(cloud, name):
    iam, sts = cloud.client("iam"), cloud.client("sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"sts:ExternalId": "42"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=arn, RoleSessionName="me")
    assert code(refused) == "AccessDenied"
    session = sts.assume_role(RoleArn=arn, RoleSessionName="me", ExternalId="42")["Credentials"]
    key = (session["AccessKeyId"], session["SecretAccessKey"])
    caller = cloud.client("sts", *key, session["SessionToken"]).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{name}/me"
    with pytest.raises(ClientError):
        cloud.client("sts", *key, "wrong token").get_caller_identity()


def test_malformed_policies_are_refused(cloud, name):
    with pytest.raises(ClientError) as refused:
        cloud.client("iam").create_policy(PolicyName=name, PolicyDocument='{"Version": "2012-10-17"}')
    assert code(refused) == "MalformedPolicyDocument"
