import os
from datetime import timedelta
from io import StringIO
from unittest import mock

from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import TestCase
from rest_framework.test import APITestCase
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken

PASSWORD = "correct horse battery staple"


class Tokens(APITestCase):
    def setUp(self) -> None:
        self.user = get_user_model().objects.create_user("alice", password=PASSWORD)

    def obtain(self) -> dict[str, str]:
        answer = self.client.post(
            "/api/token/", {"username": "alice", "password": PASSWORD}, format="json"
        )
        self.assertEqual(answer.status_code, 200)
        return answer.json()

    def refresh(self, token: str):
        return self.client.post("/api/token/refresh/", {"refresh": token}, format="json")

    def test_a_refresh_token_works_once(self) -> None:
        first = self.obtain()
        answer = self.refresh(first["refresh"])
        self.assertEqual(answer.status_code, 200)
        self.assertNotEqual(answer.json()["refresh"], first["refresh"])

        again = self.refresh(first["refresh"])
        self.assertEqual(again.status_code, 401)
        self.assertEqual(again.json()["detail"], "Token is blacklisted")

    def test_every_refresh_leaves_one_outstanding_token(self) -> None:
        tokens = self.obtain()
        self.assertEqual(OutstandingToken.objects.filter(user=self.user).count(), 1)
        self.refresh(tokens["refresh"])
        self.assertEqual(OutstandingToken.objects.filter(user=self.user).count(), 2)

    def test_a_revoked_refresh_token_is_refused(self) -> None:
        tokens = self.obtain()
        revoked = self.client.post(
            "/api/token/blacklist/", {"refresh": tokens["refresh"]}, format="json"
        )
        self.assertEqual(revoked.status_code, 200)
        self.assertEqual(self.refresh(tokens["refresh"]).status_code, 401)


class WhoAmI(APITestCase):
    def setUp(self) -> None:
        self.user = get_user_model().objects.create_user("alice", password=PASSWORD)

    def whoami(self, token: AccessToken):
        return self.client.get("/api/whoami/", headers={"authorization": f"Bearer {token}"})

    def test_names_the_user_and_the_token(self) -> None:
        token = AccessToken.for_user(self.user)
        answer = self.whoami(token)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(
            answer.json(), {"username": "alice", "jti": token["jti"], "exp": token["exp"]}
        )

    def test_is_not_for_strangers(self) -> None:
        self.assertEqual(self.client.get("/api/whoami/").status_code, 401)

    def test_an_expired_token_is_refused(self) -> None:
        token = AccessToken.for_user(self.user)
        token.set_exp(lifetime=-timedelta(seconds=1))
        self.assertEqual(self.whoami(token).status_code, 401)


class DemoUser(TestCase):
    def call(self) -> str:
        out = StringIO()
        call_command("demo_user", "alice", stdout=out)
        return out.getvalue().strip()

    def test_creates_the_user_and_then_sets_its_password(self) -> None:
        with mock.patch.dict(os.environ, {"DEMO_PASSWORD": "first"}):
            self.assertEqual(self.call(), "user alice created")
        with mock.patch.dict(os.environ, {"DEMO_PASSWORD": PASSWORD}):
            self.assertEqual(self.call(), "user alice updated")
        self.assertTrue(get_user_model().objects.get(username="alice").check_password(PASSWORD))

    def test_asks_for_a_password(self) -> None:
        with mock.patch.dict(os.environ), self.assertRaises(CommandError):
            os.environ.pop("DEMO_PASSWORD", None)
            self.call()
