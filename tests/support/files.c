/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

int files_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/stagecut-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Counts the files and does away with them, if asked. */
static int each_file(int remove)
{
    int count = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove)
            unlink(files_path(entry->d_name));
    }
    closedir(dir);
    return count;
}

int files_teardown(void **state)
{
    (void)state;
    each_file(1);
    return rmdir(folder);
}

int files_count(void)
{
    return each_file(0);
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
