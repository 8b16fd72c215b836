"""A service's page of routes at /docs: Swagger UI, served by us. On a network of its own no other host answers."""

from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles


def add_docs(app: FastAPI) -> None:
    """The page, and below it what it is made of."""
    app.mount("/docs/assets", StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs assets")

    async def docs(request: Request) -> HTMLResponse:
        at = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{at}/openapi.json",
            title=app.title,
            swagger_js_url=f"{at}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{at}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{at}/docs/assets/favicon.png",
            swagger_ui_parameters={"tryItOutEnabled": True},
        )

    app.add_api_route("/docs", docs, include_in_schema=False)
