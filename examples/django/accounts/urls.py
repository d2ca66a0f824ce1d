from django.urls import path

from accounts.views import WhoAmI

urlpatterns = [path("whoami/", WhoAmI.as_view(), name="whoami")]
