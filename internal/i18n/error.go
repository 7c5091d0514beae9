package i18n

import (
	"errors"

	"hoshi/internal/fault"
)

func asFault(err error) (*fault.Error, bool) { return errors.AsType[*fault.Error](err) }
