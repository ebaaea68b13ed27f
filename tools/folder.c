/*
 * Whole folders.
 */
#include "tools/folder.h"

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#define OPEN_DIRS 16

int
folder_is_empty(const char *path)
{
	const struct dirent *e;
	bool empty = true;
	DIR *d = opendir(path);

	if (!d)
		return -1;
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0 ||
			strcmp(e->d_name, "lost+found") == 0;
	closedir(d);
	return empty;
}

static uid_t new_user;
static gid_t new_group;

static int
give(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)type;
	(void)at;
	return st->st_uid == new_user ? 0 : lchown(path, new_user, new_group);
}

int
folder_give(const char *path, uid_t user, gid_t group)
{
	new_user = user;
	new_group = group;
	return nftw(path, give, OPEN_DIRS, FTW_PHYS | FTW_MOUNT);
}
