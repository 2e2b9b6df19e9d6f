/* SPDX-License-Identifier: ISC */
#ifndef SDK_UNISTD_H
#define SDK_UNISTD_H

#include <sys/types.h>

#define STDIN_FILENO  0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2

#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4

#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
#define SEEK_HOLE 3
#define SEEK_DATA 4

#define _SC_OPEN_MAX         5
#define _SC_PAGESIZE         29
#define _SC_NPROCESSORS_CONF 57
#define _SC_NPROCESSORS_ONLN 58
#define _SC_PHYS_PAGES       200

extern char **environ;
extern char *optarg;
extern int optind, opterr, optopt;

_Noreturn void _exit(int status);
int access(const char *path, int mode);
unsigned alarm(unsigned seconds);
int chdir(const char *path);
int chown(const char *path, uid_t user, gid_t group);
int close(int fd);
int dup(int fd);
int dup2(int from, int to);
int execl(const char *path, const char *argument, ...);
int execlp(const char *path, const char *argument, ...);
int execv(const char *path, char *const argv[]);
int execve(const char *path, char *const argv[], char *const environment[]);
int execvp(const char *file, char *const argv[]);
int faccessat(int folder, const char *path, int mode, int flags);
int fchown(int fd, uid_t user, gid_t group);
pid_t fork(void);
int fsync(int fd);
int ftruncate(int fd, off_t size);
char *getcwd(char *path, size_t room);
gid_t getegid(void);
uid_t geteuid(void);
gid_t getgid(void);
int gethostname(char *name, size_t room);
int getopt(int argc, char *const argv[], const char *options);
pid_t getpgrp(void);
pid_t getpid(void);
pid_t getppid(void);
uid_t getuid(void);
int getpeereid(int fd, uid_t *user, gid_t *group);
int isatty(int fd);
int link(const char *from, const char *to);
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
off_t lseek(int fd, off_t offset, int whence);
int pause(void);
int pipe(int ends[2]);
ssize_t pread(int fd, void *to, size_t length, off_t offset);
ssize_t pwrite(int fd, const void *from, size_t length, off_t offset);
ssize_t read(int fd, void *to, size_t length);
ssize_t readlink(const char *path, char *to, size_t room);
ssize_t readlinkat(int folder, const char *path, char *to, size_t room);
int rmdir(const char *path);
pid_t setsid(void);
int setpgid(pid_t process, pid_t group);
unsigned sleep(unsigned seconds);
int symlink(const char *to, const char *path);
long sysconf(int name);
pid_t tcgetpgrp(int fd);
int tcsetpgrp(int fd, pid_t group);
int truncate(const char *path, off_t size);
char *ttyname(int fd);
int unlink(const char *path);
int unlinkat(int folder, const char *path, int flags);
int usleep(useconds_t microseconds);
ssize_t write(int fd, const void *from, size_t length);
int setuid(uid_t user);
int setgid(gid_t group);
int getpagesize(void);

#endif
