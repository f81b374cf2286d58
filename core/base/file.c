/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole files in and out. zlib reads plain and gzip files alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/base.h"

static enum sc_status io_fail(struct sc_error *err, const char *path, const char *what)
{
    int number = errno;
    if (err)
        snprintf(err->file, sizeof err->file, "%s", path);
    return sc_fail(err, SC_IO, "%s: %s", what, strerror(number));
}

static gzFile open_for_reading(const char *path)
{
    if (strcmp(path, "-") != 0)
        return gzopen(path, "rbe");
    int copy = dup(STDIN_FILENO);
    gzFile file = copy >= 0 ? gzdopen(copy, "rb") : NULL;
    if (!file && copy >= 0)
        close(copy);
    return file;
}

static enum sc_status read_all(gzFile file, const char *path, size_t limit, char **text, size_t *size,
                               struct sc_error *err)
{
    size_t length = 0, capacity = 1 << 16;
    char *data = sc_realloc(NULL, capacity, 1);
    for (;;) {
        if (!data)
            return sc_fail(err, SC_NO_MEMORY, "no memory to read %s", path);
        size_t room = capacity - length - 1;
        int got = gzread(file, data + length, room > 1 << 30 ? 1u << 30 : (unsigned)room);
        int code = Z_OK;
        if (got < 0) {
            const char *why = gzerror(file, &code);
            enum sc_status status = code == Z_ERRNO ? io_fail(err, path, "cannot read")
                                                    : sc_fail(err, SC_INPUT, "damaged gzip data: %s", why);
            sc_free(data);
            return status;
        }
        length += (size_t)got;
        if (got == 0)
            break;
        if (length > limit) {
            sc_free(data);
            return sc_fail(err, SC_LIMIT, "larger than the %zu bytes that are accepted here", limit);
        }
        if (length + 1 == capacity) {
            char *moved = sc_realloc(data, capacity * 2, 1);
            if (!moved)
                sc_free(data);
            data = moved;
            capacity *= 2;
        }
    }
    data[length] = '\0';
    *text = data;
    *size = length;
    return SC_OK;
}

enum sc_status sc_file_read(const char *path, size_t limit, char **text, size_t *size, struct sc_error *err)
{
    struct stat info;
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    errno = 0;
    if (!standard && stat(path, &info) != 0)
        return io_fail(err, name, "cannot open");
    if (!standard && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return io_fail(err, name, "cannot read");
    }
    gzFile file = open_for_reading(path);
    if (!file)
        return errno ? io_fail(err, name, "cannot open") : sc_fail(err, SC_NO_MEMORY, "no memory to read %s", name);
    gzbuffer(file, 1 << 17);
    enum sc_status status = read_all(file, name, limit, text, size, err);
    int closed = gzclose(file);
    if (status == SC_OK && closed == Z_BUF_ERROR) {
        sc_free(*text);
        *text = NULL;
        status = sc_fail(err, SC_INPUT, "the gzip data ends too early");
    }
    if (status != SC_OK && err)
        snprintf(err->file, sizeof err->file, "%s", name);
    return status;
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text += put;
        size -= (size_t)put;
    }
    return true;
}

/* A new file beside `path`, in the mode that the process gives new files; its name goes to *name. */
static int open_neighbour(const char *path, char **name, struct sc_error *err)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    size_t length = (size_t)folder + 64;
    *name = sc_alloc(length);
    if (!*name) {
        sc_fail(err, SC_NO_MEMORY, "no memory to write %s", path);
        return -1;
    }
    int fd = -1;
    errno = EEXIST;
    for (int n = 0; fd < 0 && errno == EEXIST && n < 1000; n++) {
        snprintf(*name, length, "%.*s.stagecut-%ld-%d", folder, path, (long)getpid(), n);
        fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (fd < 0)
        io_fail(err, path, "cannot write");
    return fd;
}

/* Replaces the regular file `path`, or makes it. `mode` 0: as new files are. */
static enum sc_status replace(const char *path, mode_t mode, const char *text, size_t size, struct sc_error *err)
{
    char *name;
    enum sc_status status = SC_OK;
    int fd = open_neighbour(path, &name, err);
    if (fd < 0) {
        status = name ? SC_IO : SC_NO_MEMORY;
        sc_free(name);
        return status;
    }
    bool ok = (mode == 0 || fchmod(fd, mode) == 0) && write_all(fd, text, size) && fsync(fd) == 0;
    int number = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        number = errno;
    }
    if (ok && rename(name, path) != 0) {
        ok = false;
        number = errno;
    }
    if (!ok) {
        unlink(name);
        errno = number;
        status = io_fail(err, path, "cannot write");
    }
    sc_free(name);
    return status;
}

enum sc_status sc_file_write(const char *path, const char *text, size_t size, struct sc_error *err)
{
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        return write_all(STDOUT_FILENO, text, size) ? SC_OK : io_fail(err, "standard output", "cannot write");
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return replace(path, 0, text, size, err);
    if (!S_ISREG(info.st_mode)) { /* a device or pipe: nothing to replace */
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool ok = fd >= 0 && write_all(fd, text, size);
        enum sc_status status = ok ? SC_OK : io_fail(err, path, "cannot write");
        if (fd >= 0)
            close(fd);
        return status;
    }
    char *target = realpath(path, NULL); /* a link keeps pointing where it does */
    if (!target)
        return io_fail(err, path, "cannot write");
    enum sc_status status = replace(target, info.st_mode & 07777, text, size, err);
    free(target);
    return status;
}

bool sc_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
