"use strict";

// Every option: https://swagger.io/docs/open-source-tools/swagger-ui/usage/configuration/
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true, // an operation has an address of its own
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0, // the schemas are there, folded
  queryConfigEnabled: false, // no link to this page may say what it shows
  validatorUrl: "none", // the badge would send the document's address elsewhere
});
