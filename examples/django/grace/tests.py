from datetime import timedelta
from unittest import mock

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APITestCase
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from grace.models import Rotation
from grace.tokens import PresentedToken

GRACE = timedelta(seconds=120)


def live() -> list[str]:
    """The refresh tokens that are good for something."""
    tokens = OutstandingToken.objects.filter(blacklistedtoken=None, expires_at__gt=timezone.now())
    return [row.token for row in tokens]


class TokensCase(APITestCase):
    def setUp(self) -> None:
        self.user = get_user_model().objects.create_user("alice")
        self.first = str(RefreshToken.for_user(self.user))

    def refresh(self, token: str):
        return self.client.post("/api/token/refresh/", {"refresh": token}, format="json")

    def blacklist(self, token: str):
        return self.client.post("/api/token/blacklist/", {"refresh": token}, format="json")

    def rotated(self, token: str) -> str:
        """What took the token's place."""
        answer = self.refresh(token)
        self.assertEqual(answer.status_code, 200)
        return answer.json()["refresh"]

    def whoami(self, access: str) -> int:
        headers = {"authorization": f"Bearer {access}"}
        return self.client.get("/api/whoami/", headers=headers).status_code

    def assert_refused(self, answer) -> None:
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.json()["code"], "token_not_valid")

    def let_grace_pass(self) -> None:
        BlacklistedToken.objects.update(blacklisted_at=timezone.now() - GRACE)


class WithoutGrace(TokensCase):
    def test_a_spent_token_is_refused_and_nothing_is_noted(self) -> None:
        second = self.rotated(self.first)
        self.assert_refused(self.refresh(self.first))
        self.assert_refused(self.blacklist(self.first))
        self.assertEqual(live(), [second])
        self.assertFalse(Rotation.objects.exists())

    def test_what_was_spent_then_stays_spent_when_a_grace_period_comes(self) -> None:
        second = self.rotated(self.first)
        with override_settings(REFRESH_TOKEN_GRACE=GRACE):
            self.assert_refused(self.refresh(self.first))
            self.assert_refused(self.blacklist(self.first))
        self.assertEqual(live(), [second])

    @override_settings(REFRESH_TOKEN_GRACE=GRACE)
    def test_a_token_that_is_never_spent_needs_none(self) -> None:
        for setting in ["ROTATE_REFRESH_TOKENS", "BLACKLIST_AFTER_ROTATION"]:
            with mock.patch.object(api_settings, setting, False):
                for _ in range(2):
                    self.assertEqual(self.refresh(self.first).status_code, 200)
        self.assertFalse(Rotation.objects.exists())


@override_settings(REFRESH_TOKEN_GRACE=GRACE)
class WithGrace(TokensCase):
    def test_a_refresh_can_be_repeated_and_gives_the_same_successor(self) -> None:
        first = self.refresh(self.first).json()
        for _ in range(3):
            again = self.refresh(self.first)
            self.assertEqual(again.status_code, 200)
            self.assertEqual(again.json().keys(), first.keys())
            self.assertEqual(again.json()["refresh"], first["refresh"])
            self.assertNotEqual(again.json()["access"], first["access"])
            self.assertEqual(self.whoami(again.json()["access"]), 200)
        self.assertEqual(OutstandingToken.objects.count(), 2)
        self.assertEqual(live(), [first["refresh"]])

    def test_the_access_token_is_a_fresh_one(self) -> None:
        self.rotated(self.first)
        later = timezone.now() + timedelta(seconds=60)
        with mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", return_value=later):
            access = self.refresh(self.first).json()["access"]
        life = AccessToken(access, verify=False)["exp"] - later.timestamp()
        self.assertAlmostEqual(life, api_settings.ACCESS_TOKEN_LIFETIME.total_seconds(), delta=1)

    def test_the_session_goes_on_with_the_successor(self) -> None:
        second = self.rotated(self.first)
        self.assertEqual(self.rotated(self.first), second)
        third = self.rotated(second)
        self.assertEqual(self.rotated(second), third)
        self.assertEqual(live(), [third])

    def test_a_token_whose_successor_was_used_is_refused(self) -> None:
        third = self.rotated(self.rotated(self.first))
        self.assert_refused(self.refresh(self.first))
        self.assertEqual(live(), [third])

    def test_a_token_whose_successor_was_revoked_is_refused(self) -> None:
        second = self.rotated(self.first)
        self.assertEqual(self.blacklist(second).status_code, 200)
        self.assert_refused(self.refresh(self.first))
        self.assertEqual(live(), [])

    def test_a_token_whose_successor_has_expired_is_refused(self) -> None:
        successor = RefreshToken(self.rotated(self.first))
        successor.set_exp(lifetime=-timedelta(seconds=1))
        row = OutstandingToken.objects.filter(jti=successor["jti"])
        row.update(token=str(successor))
        self.assert_refused(self.refresh(self.first))

    def test_after_the_grace_period_a_spent_token_is_refused(self) -> None:
        second = self.rotated(self.first)
        self.let_grace_pass()
        answer = self.refresh(self.first)
        self.assert_refused(answer)
        self.assertEqual(answer.json()["detail"], "Token is blacklisted")
        self.assertEqual(live(), [second])

    def test_repeating_does_not_prolong_the_grace_period(self) -> None:
        self.rotated(self.first)
        half = timezone.now() - GRACE / 2
        BlacklistedToken.objects.update(blacklisted_at=half)
        self.rotated(self.first)
        self.assertEqual(BlacklistedToken.objects.get().blacklisted_at, half)

    def test_a_token_that_was_revoked_and_not_rotated_is_refused(self) -> None:
        self.assertEqual(self.blacklist(self.first).status_code, 200)
        self.assert_refused(self.refresh(self.first))

    def test_a_ban_holds(self) -> None:
        self.rotated(self.first)
        for token in OutstandingToken.objects.filter(user=self.user):
            BlacklistedToken.objects.get_or_create(token=token)
        self.assert_refused(self.refresh(self.first))

    def test_a_user_who_is_not_active_is_refused(self) -> None:
        self.rotated(self.first)
        get_user_model().objects.update(is_active=False)
        answer = self.refresh(self.first)
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.json(), {"detail": "No active account found for the given token."})

    def test_a_user_who_was_deleted_is_refused(self) -> None:
        self.rotated(self.first)
        self.user.delete()
        self.assert_refused(self.refresh(self.first))

    def test_a_new_password_ends_it_where_it_ends_tokens(self) -> None:
        with mock.patch.object(api_settings, "CHECK_REVOKE_TOKEN", True):
            token = str(RefreshToken.for_user(self.user))
            second = self.rotated(token)
            self.assertEqual(self.rotated(token), second)
            get_user_model().objects.update(password="another one's hash")
            self.assert_refused(self.refresh(token))

    def test_tokens_older_than_the_blacklist_have_a_grace_period_too(self) -> None:
        OutstandingToken.objects.all().delete()
        PresentedToken(self.first).lock()
        self.assertTrue(OutstandingToken.objects.exists(), "there is something to lock")
        second = self.rotated(self.first)
        self.assertEqual(self.rotated(self.first), second)

    def test_a_rotation_is_whole_or_none(self) -> None:
        failing = mock.patch.object(Rotation.objects, "create", side_effect=RuntimeError)
        with failing, self.assertRaises(RuntimeError):
            self.refresh(self.first)
        self.assertEqual(live(), [self.first])
        self.rotated(self.first)

    def test_each_request_first_waits_for_the_others_with_that_token(self) -> None:
        for call in [self.refresh, self.refresh, self.blacklist]:
            with CaptureQueriesContext(connection) as queries:
                self.assertEqual(call(self.first).status_code, 200)
            begin, lock = (query["sql"] for query in queries.captured_queries[:2])
            self.assertTrue(begin.startswith("SAVEPOINT"), begin)
            self.assertTrue(lock.startswith('UPDATE "token_blacklist_outstandingtoken"'), lock)

    def test_what_is_no_refresh_token_is_refused(self) -> None:
        for token in [str(AccessToken.for_user(self.user)), "x", f"{self.first}x"]:
            self.assert_refused(self.refresh(token))
            self.assert_refused(self.blacklist(token))


@override_settings(REFRESH_TOKEN_GRACE=GRACE)
class Logout(TokensCase):
    def test_a_token_of_which_only_its_holder_knows_is_revoked(self) -> None:
        self.assertEqual(self.blacklist(self.first).status_code, 200)
        self.assertEqual(live(), [])
        self.assert_refused(self.blacklist(self.first))

    def test_with_a_token_rotated_a_moment_ago_ends_its_successor(self) -> None:
        second = self.rotated(self.first)
        answer = self.blacklist(self.first)
        self.assertEqual((answer.status_code, answer.json()), (200, {}))
        self.assertEqual(live(), [])
        self.assert_refused(self.refresh(self.first))
        self.assert_refused(self.refresh(second))

    def test_ends_the_last_of_several_successors(self) -> None:
        self.rotated(self.rotated(self.rotated(self.first)))
        self.assertEqual(self.blacklist(self.first).status_code, 200)
        self.assertEqual(live(), [])

    def test_a_second_time_is_refused(self) -> None:
        self.rotated(self.first)
        self.blacklist(self.first)
        self.assert_refused(self.blacklist(self.first))

    def test_after_the_grace_period_a_spent_token_is_refused(self) -> None:
        second = self.rotated(self.first)
        self.let_grace_pass()
        self.assert_refused(self.blacklist(self.first))
        self.assertEqual(live(), [second])


@override_settings(REFRESH_TOKEN_GRACE=GRACE)
class Cleanup(TokensCase):
    def test_flushing_expired_tokens_takes_their_rotations_along(self) -> None:
        second = self.rotated(self.first)
        third = self.rotated(second)
        self.assertEqual(Rotation.objects.count(), 2)
        OutstandingToken.objects.exclude(token=third).update(expires_at=timezone.now())
        call_command("flushexpiredtokens")
        self.assertFalse(Rotation.objects.exists())
        self.assertEqual(live(), [third])

    def test_taking_a_token_from_the_blacklist_forgets_its_rotation(self) -> None:
        second = self.rotated(self.first)
        self.blacklist(second)
        BlacklistedToken.objects.get(token__token=self.first).delete()
        third = self.rotated(self.first)
        self.assertNotEqual(third, second)
        self.assertEqual(self.rotated(self.first), third)
