package config

import "golang.org/x/sys/unix"

// fileSystem says on what kind of file system a path lies or would lie.
func fileSystem(path string) fsKind {
	var st unix.Statfs_t
	if err := unix.Statfs(existing(path), &st); err != nil {
		return durableFS
	}
	switch uint32(st.Type) {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.HUGETLBFS_MAGIC:
		return volatileFS
	case unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC:
		return networkFS
	}
	return durableFS
}
