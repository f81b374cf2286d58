/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"

#include <string.h>

struct sc_graph *import_file(const char *path, const struct sc_model_options *options)
{
    struct sc_graph *graph = NULL;
    struct sc_error err = {0};
    char message[2048];
    if (sc_import_model(path, options, &graph, &err) != SC_OK) {
        sc_error_format(&err, message, sizeof message);
        fail_msg("%s", message);
    }
    return graph;
}

struct sc_graph *import_text(const char *text, const struct sc_model_options *options)
{
    return import_file(files_write("model.json", text, strlen(text)), options);
}
