"""Where everything is."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.home),
    path("sign-in", views.sign_in),
    path("sign-out", views.sign_out),
    path("devices/end-all", views.sign_out_everywhere),
    path("devices/<str:handle>/end", views.sign_out_device),
    path("me", views.me),
    path("admin", views.admin),
    path("api/orders", views.orders),
]
