package practice

import (
	"context"

	"hoshi/internal/probe"
)

// SecretEnv is the environment variable from which the declaration of a practice
// device takes its password.
const SecretEnv = "HOSHI_PRACTICE_PASSWORD"

// Model numbers of the practice devices.
const (
	Model        = "PC-100" // camera
	ModelGateway = "PG-200"
	ModelSensor  = "PS-300"
)

// ProductYAML is the declaration of a make. Flaws of the device change nothing in
// it: its vendor does not know of them, or does not say.
func ProductYAML(device string, p Ports, flaws ...string) []byte {
	switch device {
	case MakeGateway:
		return gatewayYAML(p, flaws)
	case MakeSensor:
		return sensorYAML(p)
	}
	return cameraYAML(p, flaws)
}

// owner does the steps of a test in the place of the person at the bench: the
// device's owner changes values when asked to, and knows them.
func (d *Device) owner(_ context.Context, s probe.Step) (string, error) {
	user, _ := s.Args["user"].(string)
	switch value, _ := s.Args["value"].(string); s.ID {
	case "change-value":
		d.Change(user, value)
		return "", nil
	case "type-value":
		return d.guard.present(user), nil
	case "first-value":
		if d.guard.changed(user) {
			return "no", nil
		}
		return "yes", nil
	}
	return "", probe.ErrNobody
}
