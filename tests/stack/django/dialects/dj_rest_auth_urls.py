from dj_rest_auth.jwt_auth import CookieTokenRefreshSerializer, get_refresh_view
from django.urls import include, path
from grace.serializers import GraceTokenRefreshSerializer
from rest_framework_simplejwt.views import TokenBlacklistView


class RefreshSerializer(CookieTokenRefreshSerializer, GraceTokenRefreshSerializer):
    """dj-rest-auth finds the token, the example's serializer deals with it."""


class RefreshView(get_refresh_view()):
    serializer_class = RefreshSerializer


urlpatterns = [
    path("dj-rest-auth/token/refresh/", RefreshView.as_view()),
    path("dj-rest-auth/", include("dj_rest_auth.urls")),
    # dj-rest-auth's own logout knows of no grace period.
    path("api/token/blacklist/", TokenBlacklistView.as_view()),
    path("api/", include("accounts.urls")),
    path("api/", include("notes.urls")),
]
