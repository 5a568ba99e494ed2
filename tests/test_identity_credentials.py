"""Credentials of users besides access keys: MFA devices, public keys, certificates, credentials of single services."""

import base64
import hashlib
import hmac
import struct
import subprocess
import time

import pytest
from botocore.exceptions import ClientError


def refusal(call, **arguments):
    """Status, code and text of the refusal of a call."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    response = refused.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def totp(seed, step):
    """RFC 6238's code of a step."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">q", step), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate and its key, as files."""
    folder = tmp_path_factory.mktemp("certificate")
    key, body = folder / "key.pem", folder / "certificate.pem"
    more = ["-days", "30", "-subj", "/CN=example.com", "-keyout", str(key), "-out", str(body)]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *more)
    return body, key


def test_a_virtual_mfa_device_is_enabled_by_the_codes_it_shows(cloud, name):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, Path="/phones/")["VirtualMFADevice"]
    serial = device["SerialNumber"]
    assert serial == f"arn:aws:iam::000000000000:mfa/phones/{name}"
    assert len(device["Base32StringSeed"]) == 64 and device["QRCodePNG"].startswith(b"\x89PNG")
    again = refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName=name, Path="/phones/")
    assert again == (409, "EntityAlreadyExists", "MFA device already exists.")

    def codes(first, second):
        now = int(time.time()) // 30
        seed = device["Base32StringSeed"]
        return {"AuthenticationCode1": totp(seed, now + first), "AuthenticationCode2": totp(seed, now + second)}

    enable = {"UserName": name, "SerialNumber": serial}
    wrong = refusal(iam.enable_mfa_device, **enable, **codes(0, -1))
    assert wrong[:2] == (403, "InvalidAuthenticationCode")
    iam.enable_mfa_device(**enable, **codes(-1, 0))
    assert [found["SerialNumber"] for found in iam.list_mfa_devices(UserName=name)["MFADevices"]] == [serial]
    taken = refusal(iam.enable_mfa_device, **enable, **codes(-1, 0))
    assert taken == (409, "EntityAlreadyExists", "MFA Device is already in use.")
    conflict = refusal(iam.delete_virtual_mfa_device, SerialNumber=serial)
    assert conflict[:2] == (409, "DeleteConflict")
    assert refusal(iam.delete_user, UserName=name)[:2] == (409, "DeleteConflict")

    # It follows its user's new name.
    iam.update_user(UserName=name, NewUserName=f"{name}-2")
    listed = iam.list_mfa_devices(UserName=f"{name}-2")["MFADevices"]
    assert [found["UserName"] for found in listed] == [f"{name}-2"]
    assigned = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert [d["User"]["UserName"] for d in assigned if d["SerialNumber"] == serial] == [f"{name}-2"]

    iam.deactivate_mfa_device(UserName=f"{name}-2", SerialNumber=serial)
    gone = refusal(iam.deactivate_mfa_device, UserName=f"{name}-2", SerialNumber=serial)
    assert gone == (404, "NoSuchEntity", f"MFA Device with serial number {serial} does not exist.")
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    iam.delete_user(UserName=f"{name}-2")


def test_paths_and_markers_are_checked(cloud, name):
    iam = cloud.client("iam")
    text = (
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric "
        "characters and/or / characters."
    )
    for path in ("invalid-path/", "/invalid-path"):
        wrong = refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName=name, Path=path)
        assert wrong == (400, "ValidationError", text)
        assert refusal(iam.create_user, UserName=name, Path=path)[:2] == (400, "ValidationError")
    long = refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName=name, Path="/" + "a" * 512 + "/")
    assert long[2] == (
        "1 validation error detected: Value at 'path' failed to satisfy constraint: "
        "Member must have length less than or equal to 512"
    )
    marker = refusal(iam.list_virtual_mfa_devices, Marker="invalid-marker-value")
    assert marker == (400, "ValidationError", "Invalid Marker.")
    values = dict(MinimumPasswordLength=129, PasswordReusePrevention=25, MaxPasswordAge=1096)
    assert refusal(iam.update_account_password_policy, **values)[2] == (
        "3 validation errors detected: Value at 'minimumPasswordLength' failed to satisfy constraint: Member must have "
        "value less than or equal to 128; Value at 'passwordReusePrevention' failed to satisfy constraint: Member must "
        "have value less than or equal to 24; Value at 'maxPasswordAge' failed to satisfy constraint: Member must have "
        "value less than or equal to 1095"
    )


def test_a_public_key_is_given_in_both_forms(cloud, name, certificate):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    pem = openssl("x509", "-in", str(certificate[0]), "-pubkey", "-noout")
    key = iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=pem)["SSHPublicKey"]
    assert key["SSHPublicKeyId"].startswith("APKA") and key["Status"] == "Active"
    identity = {"UserName": name, "SSHPublicKeyId": key["SSHPublicKeyId"]}
    ssh = iam.get_ssh_public_key(**identity, Encoding="SSH")["SSHPublicKey"]
    kind, blob = ssh["SSHPublicKeyBody"].split()
    digest = hashlib.md5(base64.b64decode(blob)).hexdigest()
    assert kind == "ssh-rsa" and ssh["Fingerprint"].replace(":", "") == digest
    twice = refusal(iam.upload_ssh_public_key, UserName=name, SSHPublicKeyBody=ssh["SSHPublicKeyBody"] + " me@home")
    assert twice[:2] == (400, "DuplicateSSHPublicKey")
    iam.update_ssh_public_key(**identity, Status="Inactive")
    assert [k["Status"] for k in iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"]] == ["Inactive"]
    iam.delete_ssh_public_key(**identity)
    gone = refusal(iam.delete_ssh_public_key, **identity)
    assert gone == (404, "NoSuchEntity", f"The Public Key with id {key['SSHPublicKeyId']} cannot be found.")
    assert refusal(iam.upload_ssh_public_key, UserName=name, SSHPublicKeyBody="ssh-rsa x")[:2] == (400, "InvalidPublicKey")


def test_certificates_are_read(cloud, name, certificate):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    body, key = (path.read_text() for path in certificate)
    made = iam.upload_signing_certificate(UserName=name, CertificateBody=body)["Certificate"]
    assert made["CertificateBody"] == body and made["Status"] == "Active"
    wrong = refusal(iam.upload_signing_certificate, UserName=name, CertificateBody="no-certificate")
    assert wrong == (400, "MalformedCertificate", "Certificate no-certificate is malformed.")
    missing = refusal(iam.delete_signing_certificate, UserName=name, CertificateId="NONEXISTENTCERTID12345678901")
    assert missing[2] == "The Certificate with id NONEXISTENTCERTID12345678901 cannot be found."

    server = {"ServerCertificateName": name, "CertificateBody": body, "PrivateKey": key}
    stored = iam.upload_server_certificate(**server)["ServerCertificateMetadata"]
    assert stored["Arn"] == f"arn:aws:iam::000000000000:server-certificate/{name}"
    until = openssl("x509", "-in", str(certificate[0]), "-enddate", "-noout")
    assert stored["Expiration"].strftime("%b %-d %H:%M:%S %Y GMT") == " ".join(until.strip().split("=")[1].split())
    twice = refusal(iam.upload_server_certificate, **server)
    assert twice == (409, "EntityAlreadyExists", f"The Server Certificate with name {name} already exists.")
    found = iam.get_server_certificate(ServerCertificateName=name)["ServerCertificate"]
    assert found["CertificateBody"] == body and found["Tags"] == [] and "CertificateChain" not in found
    other = openssl("genrsa", "2048")
    mismatch = refusal(iam.upload_server_certificate, **{**server, "ServerCertificateName": "x", "PrivateKey": other})
    assert mismatch[:2] == (400, "KeyPairMismatch")
    iam.delete_server_certificate(ServerCertificateName=name)
    gone = refusal(iam.get_server_certificate, ServerCertificateName=name)
    assert gone == (404, "NoSuchEntity", f"The Server Certificate with name {name} cannot be found.")


def test_credentials_of_one_service(cloud, name):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    service = "codecommit.amazonaws.com"
    made = iam.create_service_specific_credential(UserName=name, ServiceName=service)["ServiceSpecificCredential"]
    assert made["ServiceUserName"] == f"{name}-at-000000000000" and made["ServicePassword"]
    identity = {"UserName": name, "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    iam.update_service_specific_credential(**identity, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]
    assert [(c["Status"], "ServicePassword" in c) for c in listed] == [("Inactive", False)]
    reset = iam.reset_service_specific_credential(**identity)["ServiceSpecificCredential"]
    assert reset["ServicePassword"] != made["ServicePassword"]
    conflict = refusal(iam.delete_user, UserName=name)
    assert conflict == (409, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.")
    unknown = refusal(iam.create_service_specific_credential, UserName=name, ServiceName="lambda.amazonaws.com")
    text = "No such service lambda.amazonaws.com is supported for Service Specific Credentials"
    assert unknown == (404, "NoSuchEntity", text)
    iam.delete_service_specific_credential(**identity)
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []


def test_a_service_linked_role_has_its_services_policy(cloud):
    iam = cloud.client("iam")
    role = iam.create_service_linked_role(AWSServiceName="batch.amazonaws.com")["Role"]
    assert role["RoleName"] == "AWSServiceRoleForBatch"
    attached = iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
    arn = "arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy"
    assert attached == [{"PolicyName": "BatchServiceRolePolicy", "PolicyArn": arn}]
    suffix = refusal(iam.create_service_linked_role, AWSServiceName="batch.amazonaws.com", CustomSuffix="x")
    assert suffix[:2] == (400, "InvalidInput")
    assert iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
