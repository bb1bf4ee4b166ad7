"""The built-in serializers: the clauses of their kind, and that Celery and we read each other's messages."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import msgspec
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings

from celeriac.errors import ConfigurationError, ContentDisallowed, DecodeError, EncodeError, SignatureInvalid
from celeriac.specs.serializer import Serializer, SerializerOptions
from celeriac.testing.suite import SerializerSuite
from celeriac_plugins._shared import json_codec
from celeriac_plugins.serializers.auth import AuthSerializer
from celeriac_plugins.serializers.json import JsonSerializer
from celeriac_plugins.serializers.msgpack import MsgpackSerializer
from celeriac_plugins.serializers.pickle import PickleSerializer
from celeriac_plugins.serializers.yaml import YamlSerializer

BODY = [[4, 4], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


class TestJson(SerializerSuite):
    driver = JsonSerializer


class TestPickle(SerializerSuite):
    driver = PickleSerializer


class TestYaml(SerializerSuite):
    driver = YamlSerializer


class TestMsgpack(SerializerSuite):
    driver = MsgpackSerializer


# The texts below were printed by kombu 5.7.0: kombu.serialization.dumps(value, "json" | "msgpack" | "yaml" | "pickle").

KOMBU_JSON = (
    b'{"naive": {"__type__": "datetime", "__value__": "2026-01-31T12:30:15.123456"}, '
    b'"aware": {"__type__": "datetime", "__value__": "2026-01-31T12:30:15+00:00"}, '
    b'"date": {"__type__": "date", "__value__": "2026-01-31"}, '
    b'"time": {"__type__": "time", "__value__": "12:30:15.000005"}, '
    b'"decimal": {"__type__": "decimal", "__value__": "10.50"}, '
    b'"uuid": {"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}, '
    b'"text bytes": {"__type__": "bytes", "__value__": "caf\\u00e9"}, '
    b'"raw bytes": {"__type__": "base64", "__value__": "/wA="}, '
    b'"tuple": [1, [2]], "text": "na\\u00efve \\u2603 \\ud83d\\ude00", "infinity": Infinity}'
)
TYPED = {
    "naive": datetime(2026, 1, 31, 12, 30, 15, 123456),  # noqa: DTZ001
    "aware": datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC),
    "date": date(2026, 1, 31),
    "time": time(12, 30, 15, 5),
    "decimal": Decimal("10.50"),
    "uuid": UUID("12345678123456781234567812345678"),
    "text bytes": "café".encode(),
    "raw bytes": b"\xff\x00",
    "tuple": (1, (2,)),
    "text": "naïve ☃ \U0001f600",
    "infinity": float("inf"),
}
KOMBU_BODY = {
    JsonSerializer: b'[[4, 4], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
    MsgpackSerializer: b"\x93\x92\x04\x04\x80\x84\xa9callbacks\xc0\xa8errbacks\xc0\xa5chain\xc0\xa5chord\xc0",
    YamlSerializer: b"- - 4\n  - 4\n- {}\n- callbacks: null\n  chain: null\n  chord: null\n  errbacks: null\n",
    PickleSerializer: (
        b"\x80\x04\x95:\x00\x00\x00\x00\x00\x00\x00K\x04K\x04\x86\x94}\x94}\x94(\x8c\tcallbacks\x94N"
        b"\x8c\x08errbacks\x94N\x8c\x05chain\x94N\x8c\x05chord\x94Nu\x87\x94."
    ),
}


@pytest.mark.parametrize("driver", KOMBU_BODY, ids=lambda driver: driver.__name__)
def test_a_task_body_from_kombu_is_read(driver: type[Serializer]) -> None:
    args, kwargs, embed = driver().loads(KOMBU_BODY[driver])
    assert [list(args), kwargs, embed] == BODY


@pytest.mark.parametrize(
    ("driver", "content_type", "content_encoding"),
    [
        (JsonSerializer, "application/json", "utf-8"),
        (MsgpackSerializer, "application/x-msgpack", "binary"),
        (YamlSerializer, "application/x-yaml", "utf-8"),
        (PickleSerializer, "application/x-python-serialize", "binary"),
        (AuthSerializer, "application/data", "utf-8"),
    ],
)
def test_the_headers_are_those_of_kombu(driver: type[Serializer], content_type: str, content_encoding: str) -> None:
    assert (driver.content_type, driver.content_encoding) == (content_type, content_encoding)


class TestJsonAsKombuWritesIt:
    def test_every_marked_type_of_kombu_is_read(self) -> None:
        assert JsonSerializer().loads(KOMBU_JSON) == {**TYPED, "tuple": [1, [2]]}

    def test_what_is_written_is_the_same_document(self) -> None:
        assert json.loads(JsonSerializer().dumps(TYPED)) == json.loads(KOMBU_JSON)

    def test_marks_are_restored_at_every_depth(self) -> None:
        value = [{"a": [UUID(int=1), {"b": [[date(2026, 1, 1)]]}]}, Decimal(1)]
        assert JsonSerializer().loads(JsonSerializer().dumps(value)) == value

    def test_an_object_with_a_json_method_is_written_as_what_that_returns(self) -> None:
        class Money:
            def __json__(self) -> Any:
                return {"amount": Decimal("1.50")}

        assert JsonSerializer().loads(JsonSerializer().dumps([Money()])) == [{"amount": Decimal("1.50")}]

    def test_a_json_method_that_raises_is_an_encode_error(self) -> None:
        class Broken:
            def __json__(self) -> Any:
                raise LookupError("no rate for this day")

        with pytest.raises(EncodeError, match="no rate for this day"):
            JsonSerializer().dumps([Broken()])

    def test_a_lazy_text_of_django_is_written_as_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Promise:
            def __str__(self) -> str:
                return "bonjour"

        functional = ModuleType("django.utils.functional")
        functional.Promise = Promise  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "django.utils.functional", functional)
        assert JsonSerializer().dumps([Promise()]) == b'["bonjour"]'

    @pytest.mark.parametrize("value", [float("inf"), float("-inf"), "\ud800 alone", 10**400, -(2**64) - 1])
    def test_what_python_peers_write_outside_of_json_is_read(self, value: Any) -> None:
        assert JsonSerializer().loads(json.dumps([value, UUID(int=5).hex]).encode()) == [value, UUID(int=5).hex]
        assert JsonSerializer().loads(JsonSerializer().dumps([value, UUID(int=5)])) == [value, UUID(int=5)]

    @pytest.mark.parametrize(
        "body",
        [
            '{"__type__": "datetime", "__value__": 5}',
            '{"__type__": "datetime", "__value__": "yesterday"}',
            '{"__type__": "date", "__value__": null}',
            '{"__type__": "decimal", "__value__": "ten"}',
            '{"__type__": "uuid", "__value__": {"hex": "zz"}}',
            '{"__type__": "uuid", "__value__": {"int": 5}}',
            '{"__type__": "base64", "__value__": "not base64!"}',
            '{"__type__": "bytes", "__value__": "\\ud800"}',
            '{"__type__": "set", "__value__": [1]}',
            '{"__type__": {"a": 1}, "__value__": [1]}',
            '[NaN, {"__type__": "time", "__value__": "25:00"}]',
        ],
    )
    def test_a_mark_that_cannot_be_restored_is_refused(self, body: str) -> None:
        with pytest.raises(DecodeError):
            JsonSerializer().loads(body.encode())

    def test_a_mapping_that_is_more_than_a_mark_stays_a_mapping(self) -> None:
        value = {"__type__": "date", "__value__": "2026-01-31", "more": 1}
        assert JsonSerializer().loads(JsonSerializer().dumps(value)) == value

    def test_a_key_that_is_no_text_is_written_as_celery_writes_it(self) -> None:
        assert JsonSerializer().loads(JsonSerializer().dumps({1: "one", None: "none"})) == {"1": "one", "null": "none"}

    def test_a_key_that_json_cannot_hold_is_refused(self) -> None:
        with pytest.raises(EncodeError, match="tuple"):
            JsonSerializer().dumps({(1, 2): 3})

    def test_without_the_c_encoder_the_bytes_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with_it = JsonSerializer().dumps(TYPED)
        monkeypatch.setattr(json_codec, "json_encoder", SimpleNamespace(c_make_encoder=None))
        assert JsonSerializer().dumps(TYPED) == with_it

    @given(st.text(alphabet='{}[]",:0123456789.eE+-tfnaINrul \\u\x00é', max_size=30))
    @example("NaN")
    @example('{"a":1,"a":2}')
    @example("[1,]")
    @example("\ufeff1")
    @settings(max_examples=300, deadline=None)
    def test_any_text_is_read_as_the_standard_library_reads_it(self, text: str) -> None:
        try:
            expected = repr(json.loads(text))
        except ValueError:
            with pytest.raises(DecodeError):
                JsonSerializer().loads(text.encode())
        else:
            assert repr(JsonSerializer().loads(text.encode())) == expected

    def test_a_plain_body_is_read_without_the_standard_library(self) -> None:
        """What msgspec reads itself must not depend on the fallback."""
        assert msgspec.json.decode(JsonSerializer().dumps(BODY)) == BODY


class TestPickleAsKombuWritesIt:
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_every_protocol_is_read(self, protocol: int) -> None:
        assert PickleSerializer().loads(pickle.dumps(TYPED, protocol)) == TYPED

    def test_an_error_raised_while_an_object_is_rebuilt_is_a_decode_error(self) -> None:
        body = b"cbuiltins\nint\n(S'no number'\ntR."
        with pytest.raises(DecodeError, match="invalid literal"):
            PickleSerializer().loads(body)

    def test_a_class_that_is_not_here_is_a_decode_error(self) -> None:
        with pytest.raises(DecodeError, match="no_such_module"):
            PickleSerializer().loads(b"cno_such_module\nThing\n.")


class TestYamlAsKombuWritesIt:
    def test_every_type_of_its_safe_part_is_read(self) -> None:
        body = (
            b"bytes: !!binary |\n  /w==\ndate: 2026-01-31\nnaive: 2026-01-31 12:30:15.123456\nset: !!set\n  1: null\n"
            b"tuple:\n- 1\nwhen: 2026-01-31 12:30:15+00:00\n"
        )
        assert YamlSerializer().loads(body) == {
            "when": TYPED["aware"],
            "naive": TYPED["naive"],
            "date": TYPED["date"],
            "bytes": b"\xff",
            "set": {1},
            "tuple": [1],
        }

    def test_what_is_written_is_read_by_plain_pyyaml(self) -> None:
        assert yaml.safe_load(YamlSerializer().dumps(BODY)) == BODY

    def test_nesting_that_would_end_the_process_is_refused(self) -> None:
        """In a process of its own: unguarded, libyaml overflows the stack."""
        code = (
            "from celeriac.errors import DecodeError\n"
            "from celeriac_plugins.serializers.yaml import YamlSerializer\n"
            "for body in (b'[' * 10**6, b'{a: ' * 10**6, b'- ' * 10**6, b'? ' * 10**6):\n"
            "    try: YamlSerializer().loads(body)\n"
            "    except DecodeError as error: print(repr(str(error)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert ["nest" in line for line in done.stdout.splitlines()] == [True] * 4  # our words, or newer libyaml's

    def test_depth_that_can_be_written_can_be_read(self) -> None:
        value: list[Any] = []
        for _ in range(200):
            value = [value]
        assert YamlSerializer().loads(YamlSerializer().dumps(value)) == value

    def test_siblings_do_not_add_up_to_depth(self) -> None:
        value: list[list[list[int]]] = [[[]]] * 1000
        assert YamlSerializer().loads(YamlSerializer().dumps(value)) == value

    def test_merge_keys_that_multiply_are_refused(self) -> None:
        with pytest.raises(DecodeError, match="merge key"):
            YamlSerializer().loads(b"a: &a {x: 1}\nb: {<<: [*a, *a, *a]}\n")


class TestMsgpackAsKombuWritesIt:
    def test_every_type_of_kombu_is_read(self) -> None:
        body = (
            b"\x83\xa5bytes\xc4\x01\xff\xa4text\xa3\xe2\x98\x83"
            b"\xa4list\x95\x01\xff\xcb?\xf8\x00\x00\x00\x00\x00\x00\xc0\xc3"
        )
        value = {"bytes": b"\xff", "text": "☃", "list": [1, -1, 1.5, None, True]}
        assert MsgpackSerializer().loads(body) == value
        assert MsgpackSerializer().dumps(value) == body

    def test_a_datetime_is_refused_as_kombu_refuses_it(self) -> None:
        with pytest.raises(EncodeError, match=r"datetime\.datetime"):
            MsgpackSerializer().dumps([TYPED["aware"]])

    def test_a_timestamp_that_others_wrote_is_an_aware_datetime(self) -> None:
        assert MsgpackSerializer().loads(b"\xd6\xff\x00\x00\x00\x01") == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)

    def test_an_extension_of_others_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="extension type 5"):
            MsgpackSerializer().loads(b"\xd4\x05x")

    def test_keys_that_are_no_texts_come_back(self) -> None:
        assert MsgpackSerializer().loads(MsgpackSerializer().dumps({1: 2, None: 3})) == {1: 2, None: 3}


# Signing


@dataclass(frozen=True)
class Signer:
    """A key and its certificate, in files."""

    key: Path
    certificate: Path

    def serializer(self, store: Path | None = None, **changes: Any) -> AuthSerializer:
        settings_ = {
            "security_key": str(self.key),
            "security_certificate": str(self.certificate),
            "security_cert_store": str(store or self.certificate.parent),
        }
        max_size = changes.pop("max_size", 1024 * 1024)
        return AuthSerializer(SerializerOptions(max_size=max_size, settings={**settings_, **changes}))


def _signer(
    folder: Path,
    name: str,
    starts: int = -1,
    ends: int = 1,
    password: bytes | None = None,
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
) -> Signer:
    """Files under a folder of their own; valid from `starts` to `ends`, in days from now."""
    (folder / name).mkdir()
    private = private or rsa.generate_private_key(65537, 2048)
    title = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=title, subject_name=title, public_key=private.public_key())
        .serial_number(4711)
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
        .sign(private, hashes.SHA256())
    )
    signer = Signer(folder / f"{name}.key", folder / name / "certificate.pem")
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    signer.key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))
    signer.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return signer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Signer:
    return _signer(folder, "shop")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Signer:
    return _signer(folder, "stranger")


class TestAuth(SerializerSuite):
    driver = AuthSerializer

    @pytest.fixture(autouse=True)
    def signers(self, shop: Signer, stranger: Signer) -> None:
        self.shop, self.stranger = shop, stranger

    def make(self, max_size: int = 1024 * 1024) -> Serializer:
        return self.shop.serializer(max_size=max_size)

    def make_stranger(self) -> Serializer:
        return self.stranger.serializer()


class TestAuthAsCeleryWritesIt:
    """The messages of the data file come from Celery itself; the file says how."""

    DATA = json.loads((Path(__file__).parent / "data" / "celery_auth.json").read_text("utf-8"))

    def reader(self, folder: Path, digest: str) -> AuthSerializer:
        (folder / "of-celery.pem").write_text(self.DATA["certificate"])
        options = {"security_cert_store": folder / "*.pem", "security_digest": digest}
        return AuthSerializer(SerializerOptions(settings=options))

    @pytest.mark.parametrize("digest", ["sha256", "sha512"])
    def test_a_message_signed_by_celery_is_read(self, tmp_path: Path, digest: str) -> None:
        content_type, content_encoding, body = self.DATA["messages"][digest]
        reader = self.reader(tmp_path, digest)
        assert (content_type, content_encoding) == (reader.content_type, reader.content_encoding)
        assert reader.loads(body.encode()) == self.DATA["value"]

    def test_the_digest_must_be_the_one_that_was_agreed_on(self, tmp_path: Path) -> None:
        with pytest.raises(SignatureInvalid):
            self.reader(tmp_path, "sha256").loads(self.DATA["messages"]["sha512"][2].encode())

    def test_a_signed_body_that_is_not_json_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ContentDisallowed, match="application/x-yaml"):
            self.reader(tmp_path, "sha256").loads(self.DATA["messages"]["sha256 over yaml"][2].encode())

    def test_celery_reads_what_we_sign_and_we_what_celery_signs(self, shop: Signer) -> None:
        security = pytest.importorskip("celery.security.serialization", reason="proves it against Celery, if installed")
        kombu = pytest.importorskip("kombu.serialization")
        security.register_auth(
            shop.key.read_text(), None, shop.certificate.read_text(), str(shop.certificate.parent), "sha256", "json"
        )
        ours = shop.serializer()
        try:
            assert kombu.loads(ours.dumps(BODY), ours.content_type, "utf-8", accept=["auth"]) == BODY
            assert ours.loads(kombu.dumps(BODY, "auth")[2].encode()) == BODY
        finally:
            kombu.unregister("auth")  # kombu would read whatever has no type as signed, in other tests too


class TestAuthRefusals:
    def test_the_signature_is_checked_before_the_body_is_read(self, shop: Signer, stranger: Signer) -> None:
        """The body is no JSON; whoever had decoded it first would say so."""
        fields = base64.b64decode(stranger.serializer().dumps([])).split(b"\x00\x01")
        bad = base64.b64encode(b"\x00\x01".join((*fields[:4], b"}")))
        with pytest.raises(SignatureInvalid, match="stranger"):
            shop.serializer().loads(bad)
        with pytest.raises(SignatureInvalid, match="does not bear the signature"):
            shop.serializer(stranger.certificate.parent).loads(bad)

    def test_the_content_type_beside_the_signature_is_not_believed(self, shop: Signer) -> None:
        fields = base64.b64decode(shop.serializer().dumps([])).split(b"\x00\x01")
        fields[2] = b"application/x-python-serialize"
        with pytest.raises(ContentDisallowed):
            shop.serializer().loads(base64.b64encode(b"\x00\x01".join(fields)))

    @pytest.mark.parametrize(("starts", "ends", "why"), [(-3, -2, "expired on"), (2, 3, "not valid before")])
    def test_a_certificate_outside_its_time_neither_signs_nor_vouches(
        self, tmp_path: Path, starts: int, ends: int, why: str
    ) -> None:
        private = rsa.generate_private_key(65537, 2048)
        valid = _signer(tmp_path, "worker", private=private)
        (tmp_path / "late").mkdir()
        invalid = _signer(tmp_path / "late", "worker", starts, ends, private=private)
        with pytest.raises(EncodeError, match=why):
            invalid.serializer().dumps([])
        with pytest.raises(SignatureInvalid, match=why):
            invalid.serializer().loads(valid.serializer().dumps([]))

    def test_without_a_key_it_reads_and_does_not_write(self, shop: Signer) -> None:
        reader = AuthSerializer(SerializerOptions(settings={"security_cert_store": shop.certificate.parent}))
        assert reader.loads(shop.serializer().dumps(BODY)) == BODY
        with pytest.raises(EncodeError, match="security_key"):
            reader.dumps(BODY)

    def test_without_a_store_it_writes_and_does_not_read(self, shop: Signer) -> None:
        writer = shop.serializer(security_cert_store=None)
        with pytest.raises(DecodeError, match="security_cert_store"):
            writer.loads(writer.dumps(BODY))

    def test_a_key_with_a_password_is_opened(self, tmp_path: Path) -> None:
        signer = _signer(tmp_path, "locked", password=b"sesame")
        serializer = signer.serializer(security_key_password="sesame")
        assert serializer.loads(serializer.dumps(BODY)) == BODY
        for wrong in (None, "wrong"):
            with pytest.raises(ConfigurationError, match="security_key_password is wrong") as caught:
                signer.serializer(security_key_password=wrong)
            assert "sesame" not in str(caught.value)


class TestAuthSettings:
    def test_none_at_all_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"security_key .*security_cert_store"):
            AuthSerializer()

    def test_a_key_without_its_certificate_is_refused(self, shop: Signer) -> None:
        with pytest.raises(ConfigurationError, match="set both or neither"):
            shop.serializer(security_certificate="")

    def test_a_key_of_another_certificate_is_refused(self, shop: Signer, stranger: Signer) -> None:
        with pytest.raises(ConfigurationError, match="does not belong to"):
            shop.serializer(security_certificate=stranger.certificate)

    def test_a_file_that_is_missing_is_named(self, shop: Signer, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no-such-file"):
            shop.serializer(security_key=tmp_path / "no-such-file")

    def test_a_store_without_certificates_is_refused(self, shop: Signer, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="there is no certificate in"):
            shop.serializer(tmp_path)

    def test_a_file_of_the_store_that_is_no_certificate_is_named(self, shop: Signer, tmp_path: Path) -> None:
        (tmp_path / "readme.txt").write_text("hello")
        with pytest.raises(ConfigurationError, match=r"readme\.txt is not an X.509 certificate"):
            shop.serializer(tmp_path)

    def test_a_key_that_is_not_rsa_is_refused(self, shop: Signer, tmp_path: Path) -> None:
        signer = _signer(tmp_path, "curve", private=ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(ConfigurationError, match="RSA"):
            signer.serializer()
        with pytest.raises(ConfigurationError, match="RSA"):
            shop.serializer(security_key=signer.key)

    def test_an_unknown_digest_is_refused_and_the_known_are_listed(self, shop: Signer) -> None:
        with pytest.raises(ConfigurationError, match="sha256"):
            shop.serializer(security_digest="md5")

    def test_two_certificates_of_one_name_are_refused_unless_they_are_of_one_key(
        self, shop: Signer, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        other = _signer(tmp_path / "other", "shop")
        for number, certificate in enumerate((shop.certificate, shop.certificate)):
            (tmp_path / f"{number}.pem").write_bytes(certificate.read_bytes())
        assert shop.serializer(tmp_path).loads(shop.serializer().dumps(1)) == 1
        (tmp_path / "3.pem").write_bytes(other.certificate.read_bytes())
        with pytest.raises(ConfigurationError, match="Shop shop 4711"):
            shop.serializer(tmp_path)
