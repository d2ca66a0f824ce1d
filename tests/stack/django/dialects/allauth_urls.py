from django.urls import include, path

urlpatterns = [
    path("_allauth/", include("allauth.headless.urls")),
    path("api/", include("accounts.urls")),
    path("api/", include("notes.urls")),
]
