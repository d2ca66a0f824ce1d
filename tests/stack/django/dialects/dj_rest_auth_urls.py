from django.urls import include, path

urlpatterns = [
    path("dj-rest-auth/", include("dj_rest_auth.urls")),
    path("api/", include("accounts.urls")),
    path("api/", include("notes.urls")),
]
