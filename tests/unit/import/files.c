/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

int files_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/stagecut-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int files_teardown(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    return rmdir(folder);
}

const char *files_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

const char *files_write(const char *name, const char *text, size_t size)
{
    const char *path = files_path(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

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
