"""S3 beyond putting and getting: what is refused and how, conditions, websites, lifecycle rules, restores, notifications."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from conftest import until

MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
FAILED = "At least one of the pre-conditions you specified did not hold"
CONFLICT = "The conditional request cannot succeed due to a conflicting operation against this resource."


def refusal(call, **arguments):
    """The status and the error of a call that is refused, without the request's ids."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    error = {name: value for name, value in answer["Error"].items() if name not in ("RequestId", "HostId")}
    return answer["ResponseMetadata"]["HTTPStatusCode"], error


@pytest.fixture
def s3(cloud):
    return cloud.client("s3", region="us-east-1")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


def test_documents_are_refused_as_s3_refuses_them(s3, bucket):
    def rules(call, member, *all_rules):
        return refusal(call, Bucket=bucket, **{member: {"Rules": list(all_rules)}})

    aes = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "key"}}
    assert rules(s3.put_bucket_encryption, "ServerSideEncryptionConfiguration", aes) == (
        400,
        {
            "Code": "InvalidArgument",
            "Message": "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
            "ArgumentName": "ApplyServerSideEncryptionByDefault",
        },
    )
    lifecycle = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    for change in [
        {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}},
        {"Filter": {"Prefix": "a", "And": {"Prefix": "b", "Tags": [{"Key": "k", "Value": "v"}]}}},
        {"NoncurrentVersionExpiration": {}},
    ]:
        refused = rules(s3.put_bucket_lifecycle_configuration, "LifecycleConfiguration", {**lifecycle, **change})
        assert refused == (400, {"Code": "MalformedXML", "Message": MALFORMED})

    def website(**configuration):
        return refusal(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=configuration)[1]

    assert website(ErrorDocument={"Key": "e"})["ArgumentValue"] == "null"
    both = website(IndexDocument={"Suffix": "i"}, RedirectAllRequestsTo={"HostName": "h"})
    assert both["ArgumentName"] == "RedirectAllRequestsTo"
    assert website(IndexDocument={"Suffix": "i"}, RoutingRules=[])["Code"] == "MalformedXML"

    logging = {"LoggingEnabled": {"TargetBucket": "there-is-none-of-this", "TargetPrefix": "l"}}
    assert refusal(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus=logging) == (
        400,
        {
            "Code": "InvalidTargetBucketForLogging",
            "Message": "The target bucket for logging does not exist",
            "TargetBucket": "there-is-none-of-this",
        },
    )
    inventory = {
        "Id": "i",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV"}},
    }
    put = s3.put_bucket_inventory_configuration
    assert put(Bucket=bucket, Id="i", InventoryConfiguration=inventory)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(put, Bucket=bucket, Id="j", InventoryConfiguration=inventory)[1]["Code"] == "IdMismatch"
    listed = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert (listed["IsTruncated"], listed["InventoryConfigurationList"]) == (False, [inventory])
    assert refusal(s3.put_bucket_acl, Bucket=bucket) == (
        400,
        {
            "Code": "MissingSecurityHeader",
            "Message": "Your request was missing a required header",
            "MissingHeaderName": "x-amz-acl",
        },
    )
    assert refusal(s3.get_object_torrent, Bucket=bucket, Key="k")[0] == 501


def test_configurations_in_pages(s3, bucket):
    ids = [f"id-{number:03}" for number in range(102)]
    for one in ids:
        s3.put_bucket_metrics_configuration(Bucket=bucket, Id=one, MetricsConfiguration={"Id": one})
    first = s3.list_bucket_metrics_configurations(Bucket=bucket)
    token = first["NextContinuationToken"]
    second = s3.list_bucket_metrics_configurations(Bucket=bucket, ContinuationToken=token)
    assert (first["IsTruncated"], second["IsTruncated"], second["ContinuationToken"]) == (True, False, token)
    found = first["MetricsConfigurationList"] + second["MetricsConfigurationList"]
    assert [one["Id"] for one in found] == ids


def test_conditional_writes(s3, bucket):
    def begin(key):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"test")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return dict(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)

    failed = lambda header: (412, {"Code": "PreconditionFailed", "Message": FAILED, "Condition": header})
    conflict = lambda header: (
        409,
        {"Code": "ConditionalRequestConflict", "Message": CONFLICT, "Condition": header, "Key": "k"},
    )
    missing = (404, {"Code": "NoSuchKey", "Message": "The specified key does not exist.", "Key": "k"})
    put = lambda body: s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"]
    complete = s3.complete_multipart_upload

    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfMatch='"x"') == missing
    both = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfMatch='"x"', IfNoneMatch="*")
    assert both[0] == 501 and both[1]["Header"] == "If-Match,If-None-Match"

    # Written while the upload went on: what matched before does not, and what matches now came too late.
    before = put(b"1")
    upload = begin("k")
    during = put(b"2")
    assert refusal(complete, **upload, IfMatch=before) == failed("If-Match")
    assert refusal(complete, **upload, IfMatch=during) == conflict("If-Match")
    assert refusal(complete, **upload, IfNoneMatch="*") == failed("If-None-Match")
    # Deleted meanwhile, and put again.
    s3.delete_object(Bucket=bucket, Key="k")
    assert refusal(complete, **upload, IfNoneMatch="*") == conflict("If-None-Match")
    assert refusal(complete, **upload, IfMatch=during) == missing
    assert refusal(complete, **upload, IfMatch=put(b"2")) == conflict("If-Match")
    # An upload that nothing came between.
    done = complete(**begin("k"), IfMatch=during)
    assert (done["ETag"], done["ChecksumType"]) == ('"60cd54a928cbbcbb6e7b5595bab46a9e-1"', "FULL_OBJECT")
    assert done["ChecksumCRC64NVME"] == "+bu+zv66sUM="


def test_a_refusal_before_the_body_leaves_the_connection_usable(s3, bucket):
    # The client waits to be told to go on and sends no body after a refusal; the next request must not be taken for it.
    for _ in range(20):
        wrong = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="MTIz")
        assert wrong[1] == {
            "Code": "InvalidDigest",
            "Message": "The Content-MD5 you specified was invalid.",
            "Content-MD5": "MTIz",
        }


def visit(cloud, bucket, path, method="GET"):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    host = f"{bucket}.s3-website.us-east-1.localhost"
    request = urllib.request.Request(cloud.url + path, method=method, headers={"Host": host})
    try:
        with urllib.request.build_opener(Stay).open(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_a_website(cloud, s3, bucket):
    status, _, page = visit(cloud, bucket, "/")
    assert status == 404 and "<li>Code: NoSuchWebsiteConfiguration</li>" in page
    rules = [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}]
    configuration = {
        "IndexDocument": {"Suffix": "index.html"},
        "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": rules,
    }
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)
    assert s3.get_bucket_website(Bucket=bucket)["RoutingRules"] == rules
    for key in ["index.html", "dir/index.html", "page.html"]:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="moved", Body=b"", WebsiteRedirectLocation="/page.html")
    assert visit(cloud, bucket, "/page.html")[0] == 403  # nobody has been let in
    s3.delete_public_access_block(Bucket=bucket)
    everybody = {"Effect": "Allow", "Principal": "*"}
    allow = [
        {**everybody, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        {**everybody, "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": allow}))

    pages = [visit(cloud, bucket, path) for path in ["/", "/dir/", "/page.html"]]
    assert [(status, page) for status, _, page in pages] == [
        (200, "index.html"),
        (200, "dir/index.html"),
        (200, "page.html"),
    ]
    assert pages[0][1]["content-type"] == "text/html"
    redirects = [visit(cloud, bucket, path)[:2] for path in ["/dir", "/moved", "/old/a"]]
    host = f"http://{bucket}.s3-website.us-east-1.localhost"
    assert [(status, headers["location"]) for status, headers in redirects] == [
        (302, "/dir/"),
        (301, "/page.html"),
        (301, f"{host}/new/a"),
    ]
    status, headers, page = visit(cloud, bucket, "/nothing")
    assert (status, headers["x-amz-error-code"]) == (404, "NoSuchKey")
    assert "<li>Key: nothing</li>" in page and "Retrieve a Custom Error Document</h3>" in page
    s3.put_object(Bucket=bucket, Key="error.html", Body=b"sorry")
    assert visit(cloud, bucket, "/nothing")[::2] == (404, "sorry")
    assert visit(cloud, bucket, "/", "POST")[0] == 405


def test_lifecycle_rules_follow_the_clock(own_cloud):
    cloud = own_cloud
    s3 = cloud.client("s3", region="us-east-1")
    for bucket in ["plain", "versions"]:
        s3.create_bucket(Bucket=f"rules-{bucket}")
    s3.put_bucket_versioning(Bucket="rules-versions", VersioningConfiguration={"Status": "Enabled"})
    rules = [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 2}},
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]
    for bucket in ["rules-plain", "rules-versions"]:
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
        put = s3.put_object(Bucket=bucket, Key="logs/a", Body=b"1")
        assert 'rule-id="logs"' in put["Expiration"]
        assert s3.head_object(Bucket=bucket, Key="logs/a")["Expiration"] == put["Expiration"]
        for body in [b"1", b"2"]:
            assert "Expiration" not in s3.put_object(Bucket=bucket, Key="kept", Body=body)
        s3.create_multipart_upload(Bucket=bucket, Key="forgotten")
    assert len(s3.list_object_versions(Bucket="rules-versions")["Versions"]) == 3

    request = urllib.request.Request(f"{cloud.url}/_pilvi/clock", method="POST", data=json.dumps({"advance": "73h"}).encode())
    urllib.request.urlopen(request)

    keys = lambda bucket: [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    until(lambda: keys("rules-plain") == ["kept"] and keys("rules-versions") == ["kept"])
    until(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket="rules-plain"))
    # With versions the object is hidden by a marker and goes later; what was superseded before is gone.
    versions = until(lambda: s3.list_object_versions(Bucket="rules-versions"))
    assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["logs/a"]
    assert [(one["Key"], one["IsLatest"]) for one in versions["Versions"]] == [("kept", True), ("logs/a", False)]


def test_an_archived_object_is_restored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="cold", Body=b"ice", StorageClass="DEEP_ARCHIVE")
    assert refusal(s3.get_object, Bucket=bucket, Key="cold")[1]["Code"] == "InvalidObjectState"
    request = {"Days": 3, "GlacierJobParameters": {"Tier": "Bulk"}}
    restore = lambda: s3.restore_object(Bucket=bucket, Key="cold", RestoreRequest=request)
    assert [restore()["ResponseMetadata"]["HTTPStatusCode"] for _ in range(2)] == [202, 200]
    got = s3.get_object(Bucket=bucket, Key="cold")
    assert got["Body"].read() == b"ice" and got["Restore"].startswith('ongoing-request="false", expiry-date="')


def test_notifications_are_checked_when_they_are_put(cloud, s3, bucket):
    def put(**configuration):
        return s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)

    account = "us-east-1:000000000000"
    queues = [f"arn:aws:sqs:{account}:none-{number}" for number in (1, 2)]
    created = {"Events": ["s3:ObjectCreated:*"]}
    removed = {"Events": ["s3:ObjectRemoved:*"]}
    two = [{"QueueArn": queues[0], **created}, {"QueueArn": queues[1], **removed}]
    assert refusal(put, QueueConfigurations=two) == (
        400,
        {
            "Code": "InvalidArgument",
            "Message": "Unable to validate the following destination configurations",
            "ArgumentName1": queues[0],
            "ArgumentValue1": "The destination queue does not exist",
            "ArgumentName2": queues[1],
            "ArgumentValue2": "The destination queue does not exist",
        },
    )
    function = f"arn:aws:lambda:{account}:function:none"
    refused = refusal(put, LambdaFunctionConfigurations=[{"LambdaFunctionArn": function, **created}])[1]
    assert refused["ArgumentName1"] == f"{function}, null"
    assert refused["ArgumentValue1"] == f"Not authorized to invoke function [{function}]"
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": two}, SkipDestinationValidation=True
    )
    put()

    # A queue that lets S3 in gets the test event, then events of changed tags, which have neither size nor order.
    sqs = cloud.client("sqs", region="us-east-1")
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:{account}:{bucket}"
    tagged = [{"QueueArn": arn, "Events": ["s3:ObjectTagging:*"]}]
    denied = refusal(put, QueueConfigurations=tagged)[1]["ArgumentValue1"]
    assert denied.startswith("Permissions on the destination queue do not allow S3")
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    put(QueueConfigurations=tagged)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})

    def receive():
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    bodies = []
    until(lambda: bodies.extend(receive()) or len(bodies) == 2)
    test = next(body for body in bodies if "Records" not in body)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    record = next(body for body in bodies if "Records" in body)["Records"][0]
    assert (record["eventName"], record["eventVersion"]) == ("ObjectTagging:Put", "2.3")
    assert sorted(record["s3"]["object"]) == ["eTag", "key"]
