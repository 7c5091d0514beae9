package practice

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
